"""A source that shares no name of key, time, day and cell with any other goes the way of the others."""

import json
import shutil
from pathlib import Path

import pytest
from tests.support.lakes import D1, D3, at

from matinee.contracts.validate import check_all
from matinee.healing.late import stale_days
from matinee.landing.ingest import close_through, ingest
from matinee.ledger.ledger import history
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
NAMES = {
    "searches": "ratings",
    "search_id": "rating_key",
    "account_id": "viewer",
    "account_bucket": "viewer_shard",
    "searched_at": "rated_at",
    "search_day": "rated_day",
}
RATINGS = "core.ratings"


def renamed(text: str) -> str:
    for name, other in NAMES.items():
        text = text.replace(name, other)
    return text


@pytest.fixture
def extended(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose datasets are the shipped ones, and the searches under other names."""
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    searches = Path(__file__).parent / "searches"
    for file in (path for path in searches.rglob("*") if path.is_file()):
        target = sql / renamed(str(file.relative_to(searches)))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(renamed(file.read_text()))
    return settings.model_copy(update={"sql_dir": sql})


def rating(key: str, viewer: str) -> str:
    known = {"rating_key": key, "viewer": viewer, "query": "q", "rated_at": at(D1).isoformat(), "results": ["t"]}
    return json.dumps(known) + "\n"


@pytest.mark.slow
def test_a_source_with_other_names_is_landed_published_and_healed(extended: Settings, tmp_path: Path) -> None:
    assert check_all(extended.sql_dir) == []
    file = tmp_path / "ratings-1.jsonl"
    file.write_text("".join(rating(f"r{number}", f"viewer {number % 8}") for number in (*range(16), 3)))
    ingest(extended, None, [file], at(D3))
    close_through(extended, "raw.ratings", D1, at(D3))
    run(extended, RunRequest(RATINGS, D1, D1))
    file.with_name("ratings-2.jsonl").write_text(rating("late", "viewer 1"))
    ingest(extended, None, [file.with_name("ratings-2.jsonl")], at(D3))
    assert [(stale_day.dataset, stale_day.day) for stale_day in stale_days(Lake.open(extended))] == [(RATINGS, D1)]
    run(extended, RunRequest(RATINGS, D1, D1, heal=True))
    newest = history(Lake.open(extended), RATINGS).newest(D1)
    assert newest is not None
    assert len(newest.run.buckets or ()) == 1
    rows = Lake.open(extended).table(RATINGS).scan().to_arrow().to_pylist()
    assert sorted(row["rating_key"] for row in rows) == sorted([*(f"r{number}" for number in range(16)), "late"])
