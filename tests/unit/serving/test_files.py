"""Files of served datasets: whole or not at all, and swapped by whoever saw the last content; on a disk and on S3."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.catalogs import aws_settings

from matinee.errors import VersionGoneError
from matinee.serving.files import Disk, Files, files_of

Make = Callable[[], Files]


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.aws)])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "disk":
        return Disk(tmp_path / "served")
    return files_of(aws_settings(request.getfixturevalue("aws_endpoint"), tmp_path / "home"), "a.b")


def test_a_small_file_is_read_as_it_was_written(files: Files) -> None:
    assert files.read("v/plan.json") is None
    files.write("v/plan.json", b"1")
    files.write("v/plan.json", b"2")
    assert (files.read("v/plan.json") or (b"",))[0] == b"2"


def test_only_who_saw_the_last_content_swaps_it(files: Files) -> None:
    assert files.swap("pointer.json", b"1", None)
    assert not files.swap("pointer.json", b"2", None)
    seen = files.read("pointer.json")
    assert seen is not None
    assert files.swap("pointer.json", b"2", seen[1])
    assert not files.swap("pointer.json", b"3", seen[1])
    assert (files.read("pointer.json") or (b"",))[0] == b"2"
    assert not files.swap("another.json", b"3", seen[1])


def test_files_are_listed_fetched_and_deleted(files: Files, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"x" * 100)
    files.upload(local, "v1/shard-0000.sst")
    files.write("v1/plan.json", b"1")
    files.write("v2/plan.json", b"1")
    assert files.names() == ["v1/plan.json", "v1/shard-0000.sst", "v2/plan.json"]
    assert files.names("v1/") == ["v1/plan.json", "v1/shard-0000.sst"]
    files.download("v1/shard-0000.sst", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"x" * 100
    with pytest.raises(VersionGoneError, match=r"shard-0001.sst is not there"):
        files.download("v1/shard-0001.sst", tmp_path / "other")
    files.delete("v1/plan.json")
    files.delete("v2")
    files.delete("v3")
    assert files.names() == ["v1/shard-0000.sst"]


def test_a_folder_whose_name_another_begins_with_stays(files: Files) -> None:
    files.write("v1/plan.json", b"1")
    files.write("v10/plan.json", b"1")
    files.delete("v1")
    assert files.names() == ["v10/plan.json"]


def test_files_of_a_disk_are_their_owners_alone(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "served")
    (tmp_path / "local").write_bytes(b"1")
    disk.upload(tmp_path / "local", "v/shard.sst")
    disk.write("v/plan.json", b"1")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "served" / "v").iterdir()} == {0o600}
    assert (tmp_path / "served").stat().st_mode & 0o777 == 0o700
