"""A source with other names of key, time, day and cell comes in by files alone, and goes every way of the others."""

import hashlib
import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.lakes import D1, D2, D3, arrow, at

from matinee.backfill.plan import plan_backfill
from matinee.contracts.model import live_name
from matinee.contracts.stamps import EMPTY
from matinee.contracts.validate import check_all
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_tables import full_name
from matinee.errors import StreamDiffersError
from matinee.healing.late import stale_days
from matinee.landing.ingest import ingest
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.live.repair import expire, repair
from matinee.live.tick import tick
from matinee.maintenance.compaction import compact
from matinee.parity.gate import judge
from matinee.parity.register import days_to_compare
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.sources.files.folder import Folder
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
SEARCHES = "core.searches"
LANDED = at(D3)
FILTERS = [{"facet": "genre", "value": "drama"}, {"facet": "new", "value": None}]


@pytest.fixture
def extended(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose datasets are the shipped ones, `raw.searches` and `core.searches`."""
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    shutil.copytree(Path(__file__).parent / "searches", sql, dirs_exist_ok=True)
    return settings.model_copy(update={"sql_dir": sql})


def search(name: str, account: str, day: date = D1, **fields: object) -> str:
    known = {"search_id": name, "account_id": account, "query": f"what {name} is", "searched_at": at(day).isoformat()}
    return json.dumps(known | {"results": ["t1", "t2"], "took_s": 0.25} | fields) + "\n"


def land(settings: Settings, folder: Path, name: str, *lines: str) -> None:
    (folder / f"searches-{name}.jsonl").write_text("".join(lines))
    ingest(settings, None, [folder / f"searches-{name}.jsonl"], LANDED)


def close(settings: Settings, folder: Path, day: date, rows: int) -> None:
    line = {"dataset": "raw.searches", "day": day.isoformat(), "expected_rows": rows, "closed": True}
    (folder / f"manifest-{day}-{rows}.json").write_text(json.dumps(line) + "\n")
    ingest(settings, None, [folder / f"manifest-{day}-{rows}.json"], LANDED)


def land_rows(settings: Settings, folder: Path, name: str, *lines: str) -> None:
    """Land the same lines as Parquet."""
    rows = [json.loads(line) for line in lines]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"searches-{name}.parquet")
    ingest(settings, None, [folder / f"searches-{name}.parquet"], LANDED)


def published(settings: Settings, dataset: str = SEARCHES) -> list[tuple[str, str, int | None]]:
    rows = Lake.open(settings).table(dataset).scan().to_arrow().to_pylist()
    return sorted((row["search_id"], row["account_id"], row["took_ms"]) for row in rows)


def results(settings: Settings) -> dict[str, tuple[list[str], str | None]]:
    """Return what each published search showed, and the title that was opened."""
    rows = Lake.open(settings).table(SEARCHES).scan().to_arrow().to_pylist()
    return {row["search_id"]: (row["results"], row["clicked"]) for row in rows}


@pytest.fixture
def folder(extended: Settings, tmp_path: Path) -> Path:
    """A landing folder of which two days are landed, closed and published: a repeat and a broken line among them."""
    landing_folder = tmp_path / "landing"
    landing_folder.mkdir()
    first = [
        search("s1", "ana", clicked="t1"),
        search("s1", "ana", clicked="t1"),
        search("s2", "ben", results=[], filters=FILTERS),
    ]
    wrong = [search("w1", "ana", results=["t1", None]), search("w2", "ana", results=["t1", 2]), "oops\n"]
    land(extended, landing_folder, "1", *first, *wrong, search("s3", "ana", D2, query=7))
    land_rows(
        extended, landing_folder, "2", search("s4", "ben", D2, took_s=None), search("w3", "ben", D2, results=[None])
    )
    close(extended, landing_folder, D1, 3)
    close(extended, landing_folder, D2, 1)
    run(extended, RunRequest(SEARCHES, D1, D2))
    return landing_folder


def test_the_contracts_of_a_new_source_are_valid(extended: Settings) -> None:
    assert check_all(extended.sql_dir) == []


def test_a_new_source_is_landed_deduplicated_audited_and_published(extended: Settings, folder: Path) -> None:
    lake = Lake.open(extended)
    assert published(extended) == [("s1", "ana", 250), ("s2", "ben", 250), ("s4", "ben", None)]
    [row] = [row for row in lake.table(SEARCHES).scan().to_arrow().to_pylist() if row["search_id"] == "s2"]
    assert row["filters"] == FILTERS
    assert results(extended) == {"s1": (["t1", "t2"], "t1"), "s2": ([], None), "s4": (["t1", "t2"], None)}
    bad = lake.table("raw.quarantine").scan().to_arrow()["reason"].to_pylist()
    assert sorted(bad) == ["malformed_json", "wrong_type_query", *["wrong_type_results"] * 3]
    assert [Validity(lake).status(SEARCHES, day).valid for day in (D1, D2)] == [True, True]


def test_late_rows_of_a_new_source_are_healed_in_their_cells_alone(extended: Settings, folder: Path) -> None:
    land(extended, folder, "late", search("s5", "ana"))
    [stale] = stale_days(Lake.open(extended))
    assert (stale.dataset, stale.day) == (SEARCHES, D1)
    run(extended, RunRequest(SEARCHES, D1, D1, heal=True))
    newest = history(Lake.open(extended), SEARCHES).newest(D1)
    assert newest is not None
    assert len(newest.run.buckets or ()) == 1
    assert published(extended) == [("s1", "ana", 250), ("s2", "ben", 250), ("s4", "ben", None), ("s5", "ana", 250)]


@pytest.mark.slow
def test_a_key_of_two_columns_is_healed_by_both(extended: Settings, tmp_path: Path) -> None:
    file = extended.sql_dir / "core" / "searches" / "contract.odcs.yaml"
    text = file.read_text().replace("primaryKeyPosition: 1", "primaryKeyPosition: 2")
    key = "name: query, primaryKey: true, primaryKeyPosition: 1"
    file.write_text(text.replace("name: query", key))
    landed = [search(f"s{number}", f"account {number}", query="same") for number in range(9)]
    land(extended, tmp_path, "1", *landed)
    close(extended, tmp_path, D1, 9)
    run(extended, RunRequest(SEARCHES, D1, D1))
    land(extended, tmp_path, "2", search("late", "account 1", query="same"))
    run(extended, RunRequest(SEARCHES, D1, D1, heal=True))
    assert len(published(extended)) == 10


@pytest.mark.slow
def test_a_day_of_a_new_source_is_withdrawn_and_published_again(extended: Settings, folder: Path) -> None:
    newest = history(Lake.open(extended), SEARCHES).newest(D1)
    assert newest is not None
    withdraw(Lake.open(extended), newest, "a wrong client")
    assert not Validity(Lake.open(extended)).status(SEARCHES, D1).valid
    run(extended, RunRequest(SEARCHES, D1, D1))
    assert Validity(Lake.open(extended)).status(SEARCHES, D1).valid


def test_the_files_of_a_cell_of_a_new_source_are_compacted(extended: Settings) -> None:
    table = Lake.open(extended).ensure(SEARCHES)
    row = {"account_id": "ana", "query": "q", "searched_at": at(D1), "received_ts": at(D1), "search_day": D1}
    row |= {"results": ["t1"]}
    for bucket in (1, 2):
        for number in range(9):
            table.append(arrow(table, [row | {"search_id": f"s{bucket}{number}", "account_bucket": bucket}]))
    before = published(extended)
    assert compact(extended, SEARCHES).details["files_after"] == 2
    assert published(extended) == before


def payload(row: dict[str, Any]) -> str:
    """Return what decides between repeats of a search, as `deduplicate` says."""
    sent = datetime.fromisoformat(row["searched_at"])
    row = row | {"searched_at": int(sent.timestamp()) * 1_000_000, "took_ms": int(row["took_s"] * 1000)}
    names = ("search_id", "account_id", "query", "results", "filters", "clicked", "searched_at", "took_ms")
    return hashlib.sha256(",".join(counted(row.get(name)) for name in names).encode()).hexdigest()


def counted(value: object) -> str:
    if value is None:
        return "-"
    held = value.values() if isinstance(value, dict) else value
    text = str(value) if isinstance(held, str | int) else "".join(map(counted, held))
    return f"{len(text)}:{text}"


def test_both_engines_tell_repeats_with_other_lists_and_structs_apart(extended: Settings, tmp_path: Path) -> None:
    filters = (FILTERS, FILTERS[1:], [{"facet": "new", "value": ""}], [], None)
    sent = [search("s", "ana", results=shown, filters=kept) for shown in (["ab"], ["a", "b"], []) for kept in filters]
    winner = min(map(json.loads, sent), key=payload)
    stamps = []
    for engine in ("spark", "sail"):
        settings = extended.model_copy(update={"engine": engine, "home": tmp_path / engine})
        land(settings, tmp_path, engine, *sent)
        close(settings, tmp_path, D1, 1)
        run(settings, RunRequest(SEARCHES, D1, D1))
        [row] = Lake.open(settings).table(SEARCHES).scan().to_arrow().to_pylist()
        assert (row["results"], row["filters"]) == (winner["results"], winner["filters"])
        newest = history(Lake.open(settings), SEARCHES).newest(D1)
        assert newest is not None
        stamps.append(newest.stamps)
    assert stamps[0] == stamps[1]
    assert [value for value in stamps[0].values() if value != EMPTY]


def test_a_backfill_of_a_new_source_starts_the_dag_that_its_contract_names(extended: Settings, folder: Path) -> None:
    [planned] = plan_backfill(extended, SEARCHES, D1, D2)
    assert (planned.dag_id, planned.datasets) == ("searches_daily", (SEARCHES,))


@pytest.mark.slow
def test_a_new_source_has_a_live_table_that_the_parity_gate_compares(extended: Settings, folder: Path) -> None:
    """Repeats that win and lose, in a step of their own; the day of the new rows is healed before it is compared."""
    live, days = live_name(SEARCHES), Folder(folder)
    tick(extended, days)
    assert published(extended, live) == published(extended)
    won = search("s2", "ben", took_s=1.5, received_ts=at(D1).isoformat())
    lost = search("s1", "eve", received_ts=at(D3).isoformat())
    (folder / "searches-3.jsonl").write_text(won + lost + search("s6", "eve") + search("s7", "eve", D2))
    tick(extended, days)
    assert published(extended, live) == [
        ("s1", "ana", 250),
        ("s2", "ben", 1500),
        ("s4", "ben", None),
        ("s6", "eve", 250),
        ("s7", "eve", 250),
    ]
    assert [(parity.arrived_after_batch, parity.differing) for parity in judge(extended, D1)] == [(2, 0)]
    for day in (D1, D2):
        run(extended, RunRequest(SEARCHES, day, day, heal=True))
    assert days_to_compare(Lake.open(extended)) == [(SEARCHES, D1), (SEARCHES, D2)]
    assert [
        (parity.dataset, parity.rows, parity.arrived_after_batch, parity.differing) for parity in judge(extended)
    ] == [
        (SEARCHES, 3, 0, 0),
        (SEARCHES, 2, 0, 0),
    ]


@pytest.mark.slow
def test_a_live_row_of_a_new_source_that_is_lost_is_told_and_derived_again(extended: Settings, folder: Path) -> None:
    live = live_name(SEARCHES)
    tick(extended, Folder(folder))
    with spark_session(extended) as spark:
        spark.sql(f"DELETE FROM {full_name(extended, live)} WHERE search_id = 's1'").collect()
    with pytest.raises(StreamDiffersError, match=r"core.searches 2026-03-01: 1 of 2 rows differ \(1 dropped\)"):
        judge(extended, D1)
    repair(extended, D1)
    assert published(extended, live) == published(extended)
    assert expire(extended) == D1
    assert [name for name, _, _ in published(extended, live)] == ["s4"]


@pytest.mark.slow
def test_an_event_sent_again_without_its_empty_list_is_told_apart(extended: Settings, folder: Path) -> None:
    """The two rows differ only in a list that is empty in the first, and null in the second."""
    land(extended, folder, "3", search("s6", "eve", filters=[]), search("s6", "eve", filters=None))
    close(extended, folder, D1, 5)
    run(extended, RunRequest(SEARCHES, D1, D1))
    tick(extended, Folder(folder))
    with spark_session(extended) as spark:
        spark.sql(f"UPDATE {full_name(extended, live_name(SEARCHES))} SET query = 'x' WHERE search_id = 's6'").collect()
    with pytest.raises(StreamDiffersError, match=r"1 of 3 rows differ \(1 duplicate_id\)"):
        judge(extended, D1)
