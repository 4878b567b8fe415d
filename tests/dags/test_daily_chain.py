"""The daily DAGs, run for real on a tiny lake: landed, published, joined; and stopped by a blocking audit."""

import json
import shutil
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.airflow_home import HOME

from matinee.alerts.journal.store import open_file
from matinee.alerts.journal.tables import INCIDENTS
from matinee.alerts.settings import journal_file
from matinee.settings import Settings, load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.spark,
    # Airflow's own machinery under dag.test(): its API server, its database, its plugin loader.
    pytest.mark.filterwarnings("ignore"),
]

KEY = "2026-03-01"
IMPRESSIONS = [
    {"event_id": "i1", "profile_id": "a", "title_id": "t", "row": 1, "position": 1, "event_ts": "2026-03-01T10:00:00Z"},
    {"event_id": "i2", "profile_id": "a", "title_id": "u", "row": 1, "position": 2, "event_ts": "2026-03-01T10:00:00Z"},
]
PLAYS = [
    {"play_id": "p1", "profile_id": "a", "title_id": "t", "start_ts": "2026-03-01T10:01:00Z", "duration_s": 60.0},
    {"play_id": "p2", "profile_id": "b", "title_id": "t", "start_ts": "2026-03-01T11:00:00Z", "duration_s": None},
]


@pytest.fixture(scope="session")
def _database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def settings(tmp_path: Path, spark_remote: str, monkeypatch: pytest.MonkeyPatch, _database: None) -> Settings:
    """A lake with one landed and closed day, put into the environment as the stack does."""
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SPARK_REMOTE", spark_remote)
    loaded = load_settings()
    land(loaded, tmp_path)
    return loaded


def land(settings: Settings, folder: Path) -> None:
    from matinee.days import parse_day
    from matinee.landing.ingest import close_through, ingest

    received = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for name, file in write(folder).items():
        ingest(settings, f"raw.{name}", [str(file)], received)
    close_through(settings, None, parse_day(KEY), received)


def write(folder: Path) -> dict[str, Path]:
    files = {}
    for name, rows in (("impressions", IMPRESSIONS), ("plays", PLAYS)):
        files[name] = folder / f"{name}.jsonl"
        files[name].write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return files


def run(bag: "DagBag", dag_id: str) -> dict[str, str]:
    """Run a DAG for the key; return the state of the run, as `dag`, and of each task."""
    ended = bag.dags[dag_id].test(run_conf={"partition_key": KEY})
    return {"dag": str(ended.state), **{task.task_id: str(task.state) for task in ended.get_task_instances()}}


def rows(settings: Settings, dataset: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = Lake.open(settings).table(dataset).scan().to_arrow().to_pylist()
    return records


def vtts(settings: Settings, dataset: str) -> datetime | None:
    return Validity(Lake.open(settings)).vtts(dataset).vtts


def test_the_three_daily_dags_publish_a_day_and_its_join(bag: "DagBag", settings: Settings) -> None:
    for dag_id in ("impressions_daily", "plays_daily", "impression_plays_daily"):
        states = run(bag, dag_id)
        assert set(states.values()) == {"success"}, (dag_id, states)

    attributed = {row["play_id"]: row["event_id"] for row in rows(settings, "core.play_attributions")}
    assert attributed == {"p1": "i1", "p2": None}
    joined = {row["event_id"]: (row["plays"], row["watch_ms"]) for row in rows(settings, "core.impression_plays")}
    assert joined == {"i1": (1, 60_000), "i2": (0, 0)}
    assert vtts(settings, "core.impression_plays") == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.slow
def test_a_second_run_of_a_key_publishes_the_same_rows_again(bag: "DagBag", settings: Settings) -> None:
    first, second = (run(bag, "plays_daily") and rows(settings, "core.plays") for _ in range(2))
    assert len(first) == 2
    assert sorted(map(repr, first)) == sorted(map(repr, second))
    assert vtts(settings, "core.plays") == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.slow
def test_a_storage_that_does_not_answer_costs_a_waiting_run_nothing(
    bag: "DagBag", settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = Validity.status, list[int]()

    def failing(self: Validity, dataset: str, day: date) -> DayStatus:
        looks.append(1)
        if len(looks) <= 3:
            raise OSError("AWS Error SLOW_DOWN during GetObject operation")
        return look(self, dataset, day)

    monkeypatch.setattr(Validity, "status", failing)
    assert set(run(bag, "plays_daily").values()) == {"success"}
    assert len(rows(settings, "core.plays")) == 2


def test_a_blocking_audit_turns_the_dag_red_and_leaves_main_untouched(
    bag: "DagBag", settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    contracts = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, contracts)
    (contracts / "core" / "plays" / "audits").mkdir()
    (contracts / "core" / "plays" / "audits" / "no_title_t.sql").write_text(
        "-- severity: blocking\n-- why: a test must see a day that is not published.\n"
        "SELECT play_id FROM candidate WHERE title_id = 't'\n"
    )
    monkeypatch.setenv("MATINEE_SQL_DIR", str(contracts))

    states = run(bag, "plays_daily")

    assert (states["dag"], states["plays.audit"], states["plays.publish"]) == ("failed", "failed", "upstream_failed")
    messages = [record.getMessage() for record in caplog.records]
    alerts = [message for message in messages if message.startswith("ALERT plays_daily.plays.audit")]
    assert len(alerts) == 1
    assert "AuditFailedError" in alerts[0]
    assert "no_title_t" in alerts[0]
    table = Lake.open(settings).table("core.plays")
    assert table.scan(snapshot_id=refs.head(table)).count() == 0
    assert vtts(settings, "core.plays") is None


def test_files_of_the_landing_directory_land_once_and_close_the_day(bag: "DagBag", settings: Settings) -> None:
    landing = Path(HOME) / "lake" / "landing"  # where it was when the DAGs were parsed
    landing.mkdir(parents=True, exist_ok=True)
    write(landing)
    manifests = [
        {"dataset": f"raw.{name}", "day": "2026-03-02", "expected_rows": 0, "closed": True}
        for name in ("impressions", "plays")
    ]
    (landing / "manifest.jsonl").write_text("".join(f"{json.dumps(manifest)}\n" for manifest in manifests))
    for _ in range(2):
        assert set(run(bag, "landing_ingest").values()) == {"success"}
    assert sorted(row["play_id"] for row in rows(settings, "raw.plays")) == ["p1", "p2"]
    assert vtts(settings, "raw.plays") == datetime(2026, 3, 3, tzinfo=UTC)


def test_manifests_land_where_events_of_another_dataset_are_refused(bag: "DagBag", settings: Settings) -> None:
    landing = Path(HOME) / "lake" / "landing"
    landing.mkdir(parents=True, exist_ok=True)
    write(landing)
    bad = landing / "impressions-bad.parquet"
    bad.write_text("no Parquet")
    manifest = {"dataset": "raw.plays", "day": "2026-03-02", "expected_rows": 0, "closed": True}
    (landing / "manifest.jsonl").write_text(json.dumps(manifest))
    try:
        states = run(bag, "landing_ingest")
    finally:
        bad.unlink()
    assert states == {
        "dag": "failed",
        "impressions": "failed",
        "plays": "success",
        "manifests": "success",
        "all_landed": "upstream_failed",
    }
    assert vtts(settings, "raw.plays") == datetime(2026, 3, 3, tzinfo=UTC)


def test_the_healer_repairs_what_came_late(
    bag: "DagBag", settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.healing import healer
    from matinee.landing.ingest import ingest

    # By the clock of the run the sources have been silent for long: another test covers that.
    monkeypatch.setattr(healer, "judge_arrivals", lambda *_: ())
    run(bag, "plays_daily")
    late = tmp_path / "late.jsonl"
    late.write_text(json.dumps(PLAYS[0] | {"play_id": "p3"}) + "\n")
    ingest(settings, "raw.plays", [str(late)], datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert run(bag, "late_data_healer") == {"dag": "success", "heal": "success"}
    assert sorted(row["play_id"] for row in rows(settings, "core.plays")) == ["p1", "p2", "p3"]


@pytest.mark.slow
def test_the_upkeep_of_a_lake_changes_no_row(bag: "DagBag", settings: Settings) -> None:
    run(bag, "plays_daily")
    before = rows(settings, "core.plays")
    assert set(run(bag, "lake_maintenance_nightly").values()) == {"success"}
    assert rows(settings, "core.plays") == before


def test_the_watcher_opens_incidents(bag: "DagBag", settings: Settings) -> None:
    assert run(bag, "alert_watch") == {"dag": "success", "look": "success"}
    with closing(open_file(journal_file(settings))) as journal, journal.begin() as entries:
        told = [str(incident.identity) for incident in entries.all(INCIDENTS)]
    assert any(identity.startswith("core.plays unpublished, 2026-03-01") for identity in told)
