"""A backup's file: whole or not at all, its owner's alone, and refused where it cannot be relied on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.lakes import PLANNED

from matinee.errors import RestoreRefusedError
from matinee.maintenance.backup import FILE, Backup, Pointer, read, write

POINTER = Pointer(dataset="raw.plays", uuid="u", location="file:///w/raw/plays", metadata_file="00001-a.metadata.json")
BACKUP = Backup(
    code_version="1", taken_ts=PLANNED, warehouse="file:///w", tables=(POINTER,), leases={"raw.plays/landing": 7}
)
Change = Callable[[dict[str, Any]], object]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    assert write(BACKUP, tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / FILE
    assert read(tmp_path / "new" / "folder") == BACKUP


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    file = write(BACKUP, tmp_path / "new")
    assert [path.stat().st_mode & 0o077 for path in (file, file.parent)] == [0, 0]


def test_a_later_backup_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    write(BACKUP, tmp_path)
    later = BACKUP.model_copy(update={"leases": {"raw.plays/landing": 8}})
    write(later, tmp_path)
    assert (read(tmp_path), [file.name for file in tmp_path.iterdir()]) == (later, [FILE])


def changed(folder: Path, change: Change) -> None:
    document = json.loads((folder / FILE).read_text())
    change(document)
    (folder / FILE).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document["backup"]["leases"].update(a=1), "its checksum is not that of its content"),
        (lambda document: document["backup"].pop("tables"), "its checksum is not that of its content"),
        (lambda document: document.pop("sha256"), "sha256"),
        (lambda document: document.pop("backup"), "backup"),
    ],
    ids=["other value", "no tables", "no checksum", "no backup"],
)
def test_a_backup_that_was_changed_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    write(BACKUP, tmp_path)
    changed(tmp_path, change)
    with pytest.raises(RestoreRefusedError, match=f"no backup that can be read: .*{words}") as refused:
        read(tmp_path)
    assert refused.value.facts["file"] == tmp_path / FILE


@pytest.mark.parametrize("content", [None, "", "{", "[]", "null"])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(RestoreRefusedError, match="no backup that can be read"):
        read(tmp_path)


def test_a_form_of_a_later_version_is_refused(tmp_path: Path) -> None:
    write(BACKUP.model_copy(update={"backup_version": 2}), tmp_path)
    with pytest.raises(RestoreRefusedError, match="backup_version"):
        read(tmp_path)
