"""The archive: a landed file moves there whole, another file there stays, and what was not landed is not removed."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.lakes import PLANNED

from matinee.errors import NotArchivedError
from matinee.landing.archive import archive
from matinee.landing.model import Landing
from matinee.settings import Settings, load_settings

CONTENT = b'{"play_id":"a"}\n'


@dataclass(frozen=True)
class Landed:
    """A landed file, and the folder that it is archived to."""

    settings: Settings
    file: Path
    folder: Path

    def archived(self, content: bytes = CONTENT) -> str:
        """Archive the file, of which this content was landed."""
        landing = Landing("raw.plays", str(self.file), hashlib.sha256(content).hexdigest(), 1, 1, 0, {}, PLANNED)
        return archive(self.settings, str(self.file), landing, str(self.folder))


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    file = tmp_path / "plays-1.jsonl"
    file.write_bytes(CONTENT)
    return Landed(load_settings(home=tmp_path / "home", catalog="embedded"), file, tmp_path / "new" / "archive")


def test_a_landed_file_moves_to_a_folder_that_is_made(landed: Landed) -> None:
    assert landed.archived() == f"moved to {landed.folder}/plays-1.jsonl"
    assert ((landed.folder / "plays-1.jsonl").read_bytes(), landed.file.exists()) == (CONTENT, False)


def test_a_copy_that_a_killed_call_left_counts_as_moved(landed: Landed) -> None:
    landed.folder.mkdir(parents=True)
    (landed.folder / "plays-1.jsonl").write_bytes(CONTENT)
    assert "moved to" in landed.archived()
    assert not landed.file.exists()


def test_another_file_of_its_name_is_not_overwritten(landed: Landed) -> None:
    landed.folder.mkdir(parents=True)
    (landed.folder / "plays-1.jsonl").write_bytes(b"other")
    with pytest.raises(NotArchivedError, match="is there already"):
        landed.archived()
    assert ((landed.folder / "plays-1.jsonl").read_bytes(), landed.file.read_bytes()) == (b"other", CONTENT)


def test_a_file_that_was_written_to_since_stays_and_leaves_no_copy(landed: Landed) -> None:
    assert landed.archived(b"what was landed") == "stays where it is: it was written to since it was landed"
    assert (landed.file.exists(), list(landed.folder.iterdir())) == (True, [])


def test_a_file_that_another_process_archived_is_noted(landed: Landed) -> None:
    landed.file.unlink()
    assert landed.archived() == "was moved away since it was landed"


def test_a_folder_that_cannot_be_written_is_named(landed: Landed) -> None:
    landed.folder.parent.mkdir()
    landed.folder.write_text("no folder")
    with pytest.raises(NotArchivedError, match=r"stays where it is") as refused:
        landed.archived()
    assert str(landed.folder) in refused.value.next_step
    assert landed.file.read_bytes() == CONTENT


@pytest.mark.parametrize("folder", ["", "link", "new/.."])
def test_a_file_is_not_archived_to_where_it_lies(landed: Landed, folder: str) -> None:
    (landed.file.parent / "new").mkdir()
    (landed.file.parent / "link").symlink_to(landed.file.parent)
    same = replace(landed, folder=landed.file.parent / folder)
    with pytest.raises(NotArchivedError, match="is where it lies"):
        same.archived()
    assert landed.file.read_bytes() == CONTENT
