"""Restoration: of the files of a table only those count that go on from its backup; else nothing is restored."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.lakes import PLANNED, make_lake

from matinee.errors import RestoreRefusedError
from matinee.maintenance.backup import Backup, Pointer, take
from matinee.maintenance.restoration import _goes_on, restore

SAVED = "00005-a.metadata.json"
POINTER = Pointer(dataset="raw.plays", uuid="u", location="file:///w/raw/plays", metadata_file=f"file:///w/{SAVED}")


@dataclass(frozen=True)
class Logged:
    metadata_file: str


@dataclass(frozen=True)
class Metadata:
    table_uuid: str
    metadata_log: list[Logged]


@dataclass(frozen=True)
class File:
    """A metadata file, as far as restoration looks at it."""

    name: str
    log: list[str] = field(default_factory=list)
    uuid: str = "u"

    @property
    def path(self) -> str:
        return f"file:///w/{self.name}"

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.uuid, [Logged(f"file:///w/{name}") for name in self.log])


@pytest.mark.parametrize(
    ("file", "goes_on"),
    [
        (File(SAVED), True),
        (File("00006-b.metadata.json", [SAVED]), True),
        (File("00006-b.metadata.json", ["00005-c.metadata.json"]), False),
        (File("00008-b.metadata.json", ["00006-b.metadata.json", "00007-b.metadata.json"]), True),
        (File("00007-b.metadata.json", ["00005-c.metadata.json", "00006-b.metadata.json"]), False),
        (File("00005-c.metadata.json"), False),
        (File("00004-c.metadata.json", [SAVED]), False),
        (File("00006-b.metadata.json", [SAVED], uuid="another"), False),
    ],
    ids=["the saved", "the next", "of a rival", "past its log", "past a rival", "a rival", "older", "another table"],
)
def test_a_file_counts_if_it_was_built_on_the_saved_file(file: File, goes_on: bool) -> None:
    assert _goes_on(file, POINTER) is goes_on  # type: ignore[arg-type]


def test_a_backup_of_another_warehouse_is_refused(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    backup = Backup(code_version="1", taken_ts=PLANNED, warehouse="file:///other", tables=(), leases={})
    with pytest.raises(RestoreRefusedError, match="The backup is of the warehouse file:///other"):
        restore(lake, backup)


def test_a_table_whose_files_are_gone_is_not_passed_over(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    location = f"{lake.settings.warehouse_uri}/raw/plays"
    lost = POINTER.model_copy(update={"location": location, "metadata_file": f"{location}/metadata/{SAVED}"})
    backup = take(lake, PLANNED).model_copy(update={"tables": (lost,)})
    with pytest.raises(
        RestoreRefusedError, match=r"neither the metadata of raw\.plays that was backed up nor any later"
    ):
        restore(lake, backup)
    assert not lake.exists("raw.plays")
