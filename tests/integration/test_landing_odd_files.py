"""Odd files in a landing folder: each is refused by its name, every time, and the others land."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.test_landing_commits import LANDED, bad_lines, play, plays, write

from matinee.errors import LandingRefusedError
from matinee.landing.ingest import ingest
from matinee.landing.status import status
from matinee.settings import Settings
from matinee.sources.files.find import find_at
from matinee.sources.files.scan import filesystem
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A landing folder with one good file and one empty file of lines."""
    (tmp_path / "files").mkdir()
    write(tmp_path / "files" / "plays-1.jsonl", play("a"))
    write(tmp_path / "files" / "plays-2.jsonl")
    return tmp_path / "files"


def refuses(settings: Settings, folder: Path, why: str) -> None:
    """Land a folder twice: one file of it is refused both times, the others are landed once."""
    for _ in range(2):
        with pytest.raises(LandingRefusedError, match=f"1 of 3 files were refused: .*{why}"):
            ingest(settings, None, [folder], LANDED)
    assert plays(settings) == ["a"]
    assert bad_lines(settings) == []


def test_a_file_whose_name_is_not_utf8_is_refused(settings: Settings, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/plays-\xff.jsonl")).write_text(play("b"))
    refuses(settings, folder, r"plays-\\xff.jsonl is refused whole: its name is not UTF-8")
    told = {Path(entry.file).name: entry.state for entry in status(Lake.open(settings), None, [folder])}
    assert told == {"plays-1.jsonl": "landed", "plays-2.jsonl": "landed", r"plays-\xff.jsonl": "refused"}


def test_a_pipe_is_refused_and_not_waited_for(settings: Settings, folder: Path) -> None:
    os.mkfifo(folder / "plays-3.jsonl")
    refuses(settings, folder, "it is no regular file")


@pytest.mark.parametrize("name", ["plays-3.parquet", "plays-3.jsonl.gz"])
def test_an_empty_file_is_refused_where_its_kind_never_is_empty(settings: Settings, folder: Path, name: str) -> None:
    write(folder / name)
    refuses(settings, folder, "it is empty")


def test_gzipped_lines_under_a_name_of_lines_are_refused(settings: Settings, folder: Path) -> None:
    (folder / "plays-3.jsonl").write_bytes(gzip.compress(play("b").encode()))
    refuses(settings, folder, "it holds gzipped NDJSON, which its name does not say")


def test_parquet_under_a_name_of_lines_is_refused(settings: Settings, folder: Path) -> None:
    pq.write_table(pa.table({"play_id": ["b"]}), folder / "plays-3.jsonl")
    refuses(settings, folder, "it holds Parquet, which its name does not say")


@pytest.fixture
def locked(settings: Settings) -> Iterator[Path]:
    """A folder that this process may not list, for as long as the fixture lives."""
    user = os.geteuid()
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "locked"
        folder.mkdir()
        Path(parent).chmod(0o755)
        folder.chmod(0)
        filesystem(settings, str(folder))  # The modules that this call imports are not readable to another user.
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)


def test_a_folder_that_cannot_be_listed_is_refused(settings: Settings, locked: Path) -> None:
    with pytest.raises(
        LandingRefusedError, match=r"locked is refused whole: it cannot be listed \(Permission denied\)"
    ):
        find_at(settings, {"plays": "raw.plays"}, None, str(locked))
