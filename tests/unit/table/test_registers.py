"""Registers are gathered: few files, the same rows, and none that is appended meanwhile is lost."""

from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.table.metadata import TableMetadataV2
from tests.lakes import D1, make_lake

from matinee.errors import CommitConflictError
from matinee.ledger.compactions import COMPACTIONS, Compaction, record
from matinee.table import refs, registers
from matinee.table.catalog import Lake

FEW = 3


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(registers, "MANY", FEW)
    return make_lake(tmp_path)


def append(lake: Lake, rows: int) -> None:
    record(lake, Compaction("raw.plays", D1, {None: (rows, "5")}, 9, 1, 9000, 5000, 2.5, snapshot_id=7))


def rows_of(lake: Lake) -> list[int]:
    return sorted(row["rows"] for row in lake.table(COMPACTIONS).scan().to_arrow().to_pylist())


def test_many_small_files_become_one_with_the_same_rows(lake: Lake) -> None:
    for rows in range(FEW):
        append(lake, rows)
    assert registers.gather(lake, COMPACTIONS) == (FEW, 1)
    assert rows_of(lake) == [0, 1, 2]


def test_a_register_of_few_files_is_left_alone(lake: Lake) -> None:
    append(lake, 1)
    head = lake.table(COMPACTIONS).current_snapshot()
    assert registers.gather(lake, COMPACTIONS) == (1, 1)
    assert lake.table(COMPACTIONS).current_snapshot() == head


def test_rows_that_are_appended_meanwhile_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in range(FEW):
        append(lake, rows)
    rewrite, tries = registers._rewrite, []

    def overtaken(table: object) -> None:
        tries.append(table)
        if len(tries) == 1:
            append(lake, 9)
        rewrite(table)  # type: ignore[arg-type]

    monkeypatch.setattr(registers, "_rewrite", overtaken)
    assert registers.gather(lake, COMPACTIONS) == (FEW + 1, 1)
    assert rows_of(lake) == [0, 1, 2, 9]


def test_a_register_that_others_append_to_all_the_time_is_left_as_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in range(FEW):
        append(lake, rows)
    rewrite = registers._rewrite

    def overtaken(table: object) -> None:
        append(lake, 9)
        rewrite(table)  # type: ignore[arg-type]

    monkeypatch.setattr(registers, "_rewrite", overtaken)
    with pytest.raises(CommitConflictError, match=r"Others appended to ops\.compactions first"):
        registers.gather(lake, COMPACTIONS)
    assert rows_of(lake)[:3] == [0, 1, 2]


# --- Snapshots ------------------------------------------------------------------------------------------------------


def later(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    now = registers.stamp() + time
    monkeypatch.setattr(registers, "stamp", lambda: now)


def snapshots_of(lake: Lake) -> list[int]:
    return [snapshot.snapshot_id for snapshot in lake.table(COMPACTIONS).metadata.snapshots]


def test_an_append_copies_the_metadata_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    append(lake, 1)
    ours, copies = TableMetadataV2.model_copy, []

    def counted(self: TableMetadataV2, *, update: object = None, deep: bool = False) -> TableMetadataV2:
        copies.extend([self] if deep else [])
        return ours(self, update=update, deep=deep)  # type: ignore[arg-type]

    monkeypatch.setattr(TableMetadataV2, "model_copy", counted)
    append(lake, 2)
    assert len(copies) == 1
    assert rows_of(lake) == [1, 2]


def test_what_nobody_has_read_for_an_hour_expires_with_an_append(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "WORTH_IT", 2)
    for rows in range(4):
        append(lake, rows)
    last = snapshots_of(lake)[-1]
    later(monkeypatch, registers.GRACE)
    append(lake, 4)
    # The one before has been the newest until now: somebody may have begun to read it.
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
    monkeypatch.setattr(registers, "remove_snapshots", fail)
    append(lake, 1)
    later(monkeypatch, 2 * registers.GRACE)
    append(lake, 2)
    assert rows_of(lake) == [1, 2]
    assert "expire later: Others were first." in caplog.text
