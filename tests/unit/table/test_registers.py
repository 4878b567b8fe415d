"""Registers are gathered: few files, the same rows, and none that is appended meanwhile is lost."""

from pathlib import Path

import pytest
from tests.lakes import D1, make_lake

from matinee.errors import CommitConflictError
from matinee.ledger.compactions import COMPACTIONS, Compaction, record
from matinee.table import registers
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
