"""Gathering leaves a register with few files and the same rows, and loses no row that is appended meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.manifest import DataFile
from pyiceberg.table import DataScan, FileScanTask, Table
from pyiceberg.table.metadata import TableMetadataV2
from tests.support.lakes import D1, make_lake

from matinee.errors import CommitConflictError
from matinee.ledger.compactions import COMPACTIONS, Compaction, record
from matinee.table import refs, registers
from matinee.table.catalog import Lake

FEW = 3


def files_of(lake: Lake) -> list[Path]:
    tasks = lake.table(COMPACTIONS).scan().plan_files()
    return [Path(task.file.file_path.removeprefix("file://")) for task in tasks]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


@pytest.fixture
def only_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gather few files already, but only where a test asks for it, not with each append."""
    monkeypatch.setattr(registers, "MANY", FEW)
    monkeypatch.setattr(registers, "_keep_small", lambda *_: None)


def append(lake: Lake, rows: int) -> None:
    record(lake, Compaction("raw.plays", D1, {None: (rows, "5")}, 9, 1, 9000, 5000, 2.5, snapshot_id=7))


def rows_of(lake: Lake) -> list[int]:
    return sorted(row["rows"] for row in lake.table(COMPACTIONS).scan().to_arrow().to_pylist())


@pytest.mark.usefixtures("only_asked")
def test_many_small_files_become_one_with_the_same_rows(lake: Lake) -> None:
    for rows in range(FEW):
        append(lake, rows)
    assert registers.gather(lake, COMPACTIONS) == (FEW, 1)
    assert rows_of(lake) == [0, 1, 2]


@pytest.mark.usefixtures("only_asked")
def test_a_register_of_few_files_is_left_alone(lake: Lake) -> None:
    append(lake, 1)
    head = lake.table(COMPACTIONS).current_snapshot()
    assert registers.gather(lake, COMPACTIONS) == (1, 1)
    assert lake.table(COMPACTIONS).current_snapshot() == head


@pytest.mark.usefixtures("only_asked")
def test_rows_that_are_appended_meanwhile_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in range(FEW):
        append(lake, rows)
    rewrite, tries = registers._rewritten, []

    def overtaken(table: Table, small: list[DataFile]) -> list[DataFile]:
        tries.append(table)
        if len(tries) == 1:
            append(lake, 9)
        return rewrite(table, small)

    monkeypatch.setattr(registers, "_rewritten", overtaken)
    assert registers.gather(lake, COMPACTIONS) == (FEW, 1)
    assert rows_of(lake) == [0, 1, 2, 9]


@pytest.mark.usefixtures("only_asked")
def test_a_register_that_others_append_to_all_the_time_is_left_as_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in range(FEW):
        append(lake, rows)
    rewrite = registers._rewritten

    def overtaken(table: Table, small: list[DataFile]) -> list[DataFile]:
        append(lake, 9)
        return rewrite(table, small)

    monkeypatch.setattr(registers, "_rewritten", overtaken)
    told = rf"Others committed to ops\.compactions first, {refs.COMMIT_TRIES} times"
    with pytest.raises(CommitConflictError, match=told):
        registers.gather(lake, COMPACTIONS)
    assert rows_of(lake) == sorted([*range(FEW), *[9] * refs.COMMIT_TRIES])


@pytest.mark.usefixtures("only_asked")
def test_a_file_that_is_not_small_is_left_as_it_is(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in range(FEW):
        append(lake, rows)
    registers.gather(lake, COMPACTIONS)
    (large,) = files_of(lake)
    monkeypatch.setattr(registers, "SMALL_BYTES", large.stat().st_size)
    for rows in (7, 8, 9):
        append(lake, rows)
    assert registers.gather(lake, COMPACTIONS) == (4, 2)
    assert large in files_of(lake)
    assert rows_of(lake) == [0, 1, 2, 7, 8, 9]


@pytest.mark.usefixtures("only_asked")
def test_files_that_would_become_as_many_again_are_left_as_they_are(lake: Lake) -> None:
    for rows in range(FEW):
        append(lake, rows)
    with lake.table(COMPACTIONS).transaction() as change:
        change.set_properties({"write.target-file-size-bytes": "1"})
    assert registers.gather(lake, COMPACTIONS) == (FEW, FEW)


@pytest.mark.usefixtures("only_asked")
def test_a_file_of_which_rows_were_deleted_is_left_as_it_is(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in range(FEW):
        append(lake, rows)
    plan = DataScan.plan_files

    def with_deletes(self: DataScan) -> list[FileScanTask]:
        return [FileScanTask(data_file=task.file, delete_files={task.file}) for task in plan(self)]

    monkeypatch.setattr(DataScan, "plan_files", with_deletes)
    assert registers.gather(lake, COMPACTIONS) == (FEW, FEW)


def test_an_append_gathers_what_has_become_many(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "MANY", FEW)
    for rows in range(FEW):
        append(lake, rows)
    assert len(files_of(lake)) == 1
    assert rows_of(lake) == [0, 1, 2]


# --- Snapshots ------------------------------------------------------------------------------------------------------


def later(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    now = registers.stamp() + time
    monkeypatch.setattr(registers, "stamp", lambda: now)


def snapshots_of(lake: Lake) -> list[int]:
    return [snapshot.snapshot_id for snapshot in lake.table(COMPACTIONS).metadata.snapshots]


def test_an_append_copies_no_snapshot_of_the_metadata(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    append(lake, 1)
    ours, copies = TableMetadataV2.model_copy, []

    def counted(self: TableMetadataV2, *, update: object = None, deep: bool = False) -> TableMetadataV2:
        copies.extend([self] if deep else [])
        return ours(self, update=update, deep=deep)  # type: ignore[arg-type]

    monkeypatch.setattr(TableMetadataV2, "model_copy", counted)
    append(lake, 2)
    assert copies == []
    assert rows_of(lake) == [1, 2]


def test_what_nobody_has_read_for_an_hour_expires_with_an_append(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "WORTH_IT", 2)
    for rows in range(4):
        append(lake, rows)
    last = snapshots_of(lake)[-1]
    later(monkeypatch, registers.GRACE)
    append(lake, 4)
    # The snapshot before was the newest until now: somebody may have begun to read it.
    assert snapshots_of(lake) == [last, refs.head(lake.table(COMPACTIONS))]
    assert rows_of(lake) == [0, 1, 2, 3, 4]


def test_what_a_reference_names_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "WORTH_IT", 1)
    append(lake, 1)
    named = refs.head(lake.table(COMPACTIONS))
    refs.create_tag(lake.table(COMPACTIONS), "kept", named)
    append(lake, 2)
    append(lake, 3)
    later(monkeypatch, 2 * registers.GRACE)
    append(lake, 4)
    assert snapshots_of(lake) == [named, refs.head(lake.table(COMPACTIONS))]


def test_rows_stand_though_the_expiry_after_them_fails(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise CommitConflictError("Others were first.", next_step="Run again.")

    monkeypatch.setattr(registers, "WORTH_IT", 1)
    monkeypatch.setattr(registers, "remove_with_files", fail)
    append(lake, 1)
    later(monkeypatch, 2 * registers.GRACE)
    append(lake, 2)
    assert rows_of(lake) == [1, 2]
    assert "go later: Others were first." in caplog.text


def test_with_a_snapshot_go_the_files_that_nothing_else_knows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "WORTH_IT", 1)
    for rows in range(FEW):
        append(lake, rows)
    named = lake.table(COMPACTIONS)
    refs.create_tag(named, "kept", refs.head(named))
    append(lake, 7)
    registers.gather(lake, COMPACTIONS)
    later(monkeypatch, 2 * registers.GRACE)
    append(lake, 8)
    assert stored(lake) == known(lake)
    assert rows_of(lake) == [0, 1, 2, 7, 8]
    assert lake.table(COMPACTIONS).scan(snapshot_id=refs.head(named)).count() == FEW


def test_rows_stand_though_another_process_removes_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "WORTH_IT", 1)
    append(lake, 1)
    append(lake, 2)
    old = lake.table(COMPACTIONS).metadata.snapshots[0]
    Path(old.manifest_list.removeprefix("file://")).unlink()
    later(monkeypatch, 2 * registers.GRACE)
    append(lake, 3)
    assert rows_of(lake) == [1, 2, 3]


def stored(lake: Lake) -> set[str]:
    """The files of the register on the disk, without metadata files, of which the catalog keeps some."""
    paths = Path(lake.location(COMPACTIONS).removeprefix("file://")).rglob("*")
    return {str(path) for path in paths if path.is_file() and not path.name.endswith(".metadata.json")}


def known(lake: Lake) -> set[str]:
    """The files that the register's snapshots lead to."""
    table, paths = lake.table(COMPACTIONS), set[str]()
    for snapshot in table.metadata.snapshots:
        manifests = snapshot.manifests(table.io)
        data = (
            entry.data_file.file_path for manifest in manifests for entry in manifest.fetch_manifest_entry(table.io)
        )
        paths |= {snapshot.manifest_list, *(manifest.manifest_path for manifest in manifests), *data}
    return {path.removeprefix("file://") for path in paths}
