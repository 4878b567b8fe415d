"""Folders and files that nobody else can enter or read, whatever the umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from matinee.private import open_private, private_folder, write_private


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("_umask")
def test_each_folder_that_is_made_is_private(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "home" / "run" / "reports")
    assert [mode(made), mode(made.parent), mode(made.parent.parent)] == [0o700] * 3


@pytest.mark.usefixtures("_umask")
def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o750)
    private_folder(tmp_path / "home" / "run")
    assert (mode(tmp_path / "home"), mode(tmp_path / "home" / "run")) == (0o750, 0o700)


@pytest.mark.usefixtures("_umask")
def test_a_private_file_takes_the_place_of_a_public_file(tmp_path: Path) -> None:
    written, opened = tmp_path / "written", tmp_path / "opened"
    for file in (written, opened):
        file.write_text("earlier")
        file.chmod(0o666)
    write_private(written, "now")
    with open_private(opened) as stream:
        stream.write(b"now")
    assert [(file.read_text(), mode(file)) for file in (written, opened)] == [("now", 0o600)] * 2


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "name", "content")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
