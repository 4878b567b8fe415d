"""The register of compactions: the proofs of cells add up, and a table of the first version is read."""

import json
from dataclasses import replace
from pathlib import Path

from tests.support.lakes import D1, PLANNED, arrow, make_lake

from matinee.ledger.compactions import COMPACTIONS, RECENT, Compaction, measured, record

RAW = "raw.plays"


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
