"""A dimension lands by files alone: each file is a whole snapshot, and the rows of the newest landing hold."""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.contracts.validate import check, check_all
from matinee.errors import UsageError
from matinee.landing.ingest import close_through, ingest
from matinee.landing.status import status
from matinee.table.catalog import Lake

TITLES = "dims.titles"
FIRST, SECOND, THIRD = (datetime(2026, 3, day, 6, tzinfo=UTC) for day in (1, 2, 3))
Row = dict[str, object]


def title(name: str, runtime_ms: int = 90, **values: object) -> Row:
    return {"title_id": name, "kind": "film", "runtime_ms": runtime_ms, "valid_from": "2030-01-01T00:00:00Z"} | values


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of the shipped datasets and of the titles, by a contract alone."""
    settings, sql = make_lake(tmp_path / "home").settings, tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    shutil.copytree(Path(__file__).parents[2] / "support" / "dimensions", sql, dirs_exist_ok=True)
    return Lake.open(settings.model_copy(update={"sql_dir": sql}))


def snapshot(folder: Path, name: str, *rows: Row) -> Path:
    file = folder / f"titles-{name}.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def newest(lake: Lake) -> list[tuple[str, int, date]]:
    """The rows that hold: those of the newest landing."""
    rows = lake.table(TITLES).scan().to_arrow().to_pylist()
    last = max(row["landing_seq"] for row in rows)
    held = [row for row in rows if row["landing_seq"] == last]
    return sorted((row["title_id"], row["runtime_ms"], row["snapshot_day"]) for row in held)


def test_the_contract_of_a_dimension_is_valid(lake: Lake) -> None:
    assert check_all(lake.settings.sql_dir) == []


@pytest.mark.parametrize(
    ("stated", "wrong", "reason"),
    [
        (
            "value: dimension}",
            "value: dimension}\n  - {property: source, value: {topic: t}}",
            "records of a topic are none",
        ),
        ("value: dimension}", 'value: dimension}\n  - {property: keep, value: "9d"}', "none of them would be dropped"),
        ("required: true, primaryKey: true", "required: true", "a dimension needs a primary key"),
        ("[runtime_ms]", "[kind]", "kind is no number"),
    ],
)
def test_a_contract_that_is_no_dimension_is_refused(lake: Lake, stated: str, wrong: str, reason: str) -> None:
    file = lake.settings.sql_dir / "dims" / "titles" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace(stated, wrong))
    assert [problem.reason for problem in check(file) if reason in problem.reason]


def test_a_dimension_is_no_input_of_a_run(lake: Lake) -> None:
    file = lake.settings.sql_dir / "core" / "plays" / "contract.odcs.yaml"
    text = file.read_text().replace("dataset: raw.plays", f"dataset: {TITLES}")
    file.write_text(text)
    assert any("never complete" in problem.reason for problem in check_all(lake.settings.sql_dir))


def test_the_newest_snapshot_holds(lake: Lake, tmp_path: Path) -> None:
    ingest(lake.settings, None, [snapshot(tmp_path, "1", title("a"), title("b"))], FIRST)
    ingest(lake.settings, None, [snapshot(tmp_path, "2", title("a", 95))], SECOND)
    assert newest(lake) == [("a", 95, SECOND.date())]


def test_rows_of_a_snapshot_are_judged_by_the_contract(lake: Lake, tmp_path: Path) -> None:
    rows = title("a"), title("b", runtime_ms=0), title("c", kind="short"), {"title_id": "d"}
    ingest(lake.settings, None, [snapshot(tmp_path, "1", *rows)], FIRST)
    bad = lake.table("raw.quarantine").scan().to_arrow()["reason"].to_pylist()
    assert sorted(bad) == ["missing_kind", "not_allowed_kind", "out_of_range_runtime_ms"]
    assert newest(lake) == [("a", 90, FIRST.date())]


def test_a_dimension_that_is_as_it_was_before_is_landed_again(lake: Lake, tmp_path: Path) -> None:
    for at, name, runtime_ms in ((FIRST, "1", 90), (SECOND, "2", 95), (THIRD, "3", 90)):
        snapshot(tmp_path, name, title("a", runtime_ms))
        ingest(lake.settings, None, [tmp_path], at)
    assert newest(lake) == [("a", 90, THIRD.date())]


def test_snapshots_that_still_lie_in_the_folder_are_not_landed_again(lake: Lake, tmp_path: Path) -> None:
    for name, runtime_ms in (("1", 90), ("2", 95), ("3", 95)):
        snapshot(tmp_path, name, title("a", runtime_ms))
    for at in (FIRST, SECOND):
        ingest(lake.settings, None, [tmp_path], at)
    assert [file.state for file in status(lake, None, [tmp_path])] == ["landed", "landed", "copy"]
    assert lake.table(TITLES).scan().to_arrow().num_rows == 2
    assert newest(lake) == [("a", 95, FIRST.date())]


def test_days_of_a_dimension_are_not_closed(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"Files are not landed for dims\.titles"):
        close_through(lake.settings, TITLES, FIRST.date(), SECOND)
