"""The register of compactions: the proofs of cells add up, and a table of the first version is read."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from tests.support import world
from tests.support.lakes import D1, PLANNED, arrow, core_play, make_lake

from matinee.ledger.compactions import COMPACTIONS, RECENT, Compaction, measured, proven, record
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS = "raw.plays", "core.plays"


def compaction(cells: dict[int | None, tuple[int, str]]) -> Compaction:
    return Compaction(RAW, D1, cells, 9, 1, 9000, 5000, 2.5, snapshot_id=7)


def test_a_row_holds_the_proof_of_each_cell_and_their_sum(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record(lake, compaction({11: (3, "5"), 2: (4, "-20")}))
    [row] = lake.table(COMPACTIONS).scan().to_arrow().to_pylist()
    assert (row["rows"], row["row_hash"]) == (7, "-15")
    assert json.loads(row["cells"]) == {"2": [4, "-20"], "11": [3, "5"]}


def test_a_day_without_buckets_has_one_proof(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record(lake, compaction({None: (3, "5")}))
    [row] = lake.table(COMPACTIONS).scan().to_arrow().to_pylist()
    assert (row["rows"], row["row_hash"], row["cells"]) == (3, "5", None)


def test_a_register_of_version_1_0_0_teaches_a_pace_from_its_next_row_on(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure(COMPACTIONS)
    with table.update_schema() as update:
        for name in ("cells", "bytes_before", "bytes_after", "seconds"):
            update.delete_column(name)
    row = {"dataset": RAW, "snapshot_id": 1, "day": D1, "rows": 1, "row_hash": "1", "files_before": 9, "files_after": 1}
    table.append(arrow(table, [row | {"recorded_ts": PLANNED}]))
    assert measured(lake, RAW) == []
    record(lake, compaction({None: (3, "5")}))
    assert measured(lake, RAW) == [(9000, 2.5)]
    assert measured(lake, "core.plays") == []


def test_the_newest_compactions_tell_the_pace(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for number in range(RECENT + 2):
        record(lake, replace(compaction({None: (3, "5")}), seconds=float(number)))
    assert sorted(seconds for _, seconds in measured(lake, RAW)) == [float(value) for value in range(2, RECENT + 2)]


def branch_of_plays(lake: Lake, name: str, rewrite: Callable[[Lake, str, date, str], object]) -> int:
    """Rewrite a day of core.plays on a branch; return the snapshot."""
    if not lake.exists(PLAYS):
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(D1)]))
    rewrite(lake, PLAYS, D1, name)
    return refs.head(lake.table(PLAYS), name)


def test_a_rewrite_is_proven_by_its_row_in_the_register_and_no_other(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    unknown = branch_of_plays(lake, "compact_a", world.rewrite)
    assert proven(lake, lake.table(PLAYS), [unknown]) == set()
    noted = branch_of_plays(lake, "compact_b", world.rearrange)
    assert proven(lake, lake.table(PLAYS), [unknown, noted, 7]) == {noted}
    assert proven(lake, lake.table(PLAYS), [unknown]) == set()


def test_a_commit_of_rows_is_not_proven_whatever_the_register_says(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    head = refs.head(lake.table(PLAYS))
    record(lake, replace(compaction({None: (1, "5")}), dataset=PLAYS, snapshot_id=head))
    assert proven(lake, lake.table(PLAYS), [head]) == set()


def test_a_row_about_another_dataset_proves_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    rewritten = branch_of_plays(lake, "compact_a", world.rewrite)
    record(lake, replace(compaction({None: (1, "5")}), snapshot_id=rewritten))
    assert proven(lake, lake.table(PLAYS), [rewritten]) == set()
