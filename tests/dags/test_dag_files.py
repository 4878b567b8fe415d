"""The DAG files: they import, quickly and lightly, survive serialization, and have the edges that they should have."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted((CHECKOUT / "dags").glob("*.py"))
HEAVY = ("pyspark", "pandas", "pandera", "pyarrow", "pyiceberg")
CYCLE = [("wait", "write"), ("write", "audit"), ("audit", "publish")]

pytestmark = [
    pytest.mark.airflow,
    # Airflow's own pattern matching uses a name that pathspec has deprecated.
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]


def edges(bag: "DagBag", dag_id: str) -> set[tuple[str, str]]:
    return {(task.task_id, down) for task in bag.dags[dag_id].tasks for down in task.downstream_task_ids}


def cycle(name: str, *, wait: bool = True) -> set[tuple[str, str]]:
    return {(f"{name}.{up}", f"{name}.{down}") for up, down in CYCLE if wait or up != "wait"}


def test_every_file_imports_and_holds_the_one_dag_of_its_name(bag: "DagBag") -> None:
    assert bag.import_errors == {}
    assert {dag_id: Path(dag.fileloc).stem for dag_id, dag in bag.dags.items()} == {f.stem: f.stem for f in FILES}


def test_every_file_is_parsed_in_less_than_a_second(bag: "DagBag") -> None:
    assert [stat.file for stat in bag.dagbag_stats if stat.duration > timedelta(seconds=1)] == []


def test_every_file_is_short() -> None:
    assert [file.name for file in FILES if len(file.read_text().splitlines()) > 80] == []


def test_every_dag_survives_serialization(bag: "DagBag") -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag_id, dag in bag.dags.items():
        restored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        assert set(restored.task_ids) == set(dag.task_ids), dag_id


def test_no_file_imports_what_only_jobs_need() -> None:
    # Each file has a process of its own. What every file needs is imported before these processes part.
    look = (
        "import os, runpy, sys; import airflow.sdk\n"
        "for file in sys.argv[1:]:\n"
        "    if os.fork() == 0:\n"
        "        runpy.run_path(file)\n"
        f"        print(file, [name for name in {HEAVY} if name in sys.modules], flush=True)\n"
        "        os._exit(0)\n"
        "    os.wait()"
    )
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT / 'jobs'}{os.pathsep}{CHECKOUT / 'plugins'}"}
    command = [sys.executable, "-c", look, *map(str, FILES)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == [f"{file} []" for file in FILES]


def test_no_template_uses_the_logical_date() -> None:
    sources = [*FILES, *(CHECKOUT / "plugins").rglob("*.py")]
    forbidden = re.compile(r"\{\{[^}]*\b(ds|ts|ds_nodash|logical_date|data_interval_\w+)\b")
    assert [file.name for file in sources if forbidden.search(file.read_text())] == []


@pytest.mark.parametrize(
    ("dag_id", "name"),
    [
        ("impressions_daily", "impressions"),
        ("plays_daily", "plays"),
        ("impression_daily", "impression_daily"),
        ("impression_ema_weekly", "impression_ema"),
    ],
)
def test_a_dag_of_one_dataset_has_one_cycle(bag: "DagBag", dag_id: str, name: str) -> None:
    assert edges(bag, dag_id) == cycle(name)


def test_the_join_has_two_cycles_and_waits_once(bag: "DagBag") -> None:
    joined = {("play_attributions.publish", "impression_plays.write")}
    both = cycle("play_attributions") | cycle("impression_plays", wait=False)
    assert edges(bag, "impression_plays_daily") == both | joined


def test_manifests_are_landed_after_the_rows_that_they_count(bag: "DagBag") -> None:
    before = {("impressions", "manifests"), ("plays", "manifests")}
    assert before < edges(bag, "landing_ingest")
    assert bag.dags["landing_ingest"].get_task("manifests").trigger_rule == "all_done"


def test_every_night_the_files_of_each_source_are_read_again(bag: "DagBag") -> None:
    tasks = bag.dags["landing_rehash_nightly"].tasks
    asked = {task.task_id: task.arguments[1:-2] for task in tasks}
    assert {name: [each[0], *each[-2:]] for name, each in asked.items()} == {
        name: [f"raw.{name}", "--rehash", "yes"] for name in ("impressions", "plays")
    }


def test_the_last_tasks_of_a_run_tell_of_every_failure(bag: "DagBag") -> None:
    rules = {task.trigger_rule for dag in bag.dags.values() for task in dag.leaves}
    assert rules == {"all_success"}


@pytest.mark.parametrize(
    ("dag_id", "task_id", "upstream"),
    [
        ("landing_ingest", "all_landed", {"impressions", "plays", "manifests"}),
        ("stream_parity_daily", "all_agreed", {"day.compare", "expire"}),
    ],
)
def test_a_run_fails_where_any_of_its_tasks_failed(
    bag: "DagBag", dag_id: str, task_id: str, upstream: set[str]
) -> None:
    [last] = bag.dags[dag_id].leaves
    assert (last.task_id, last.trigger_rule, last.upstream_task_ids) == (task_id, "all_success", upstream)


def test_each_table_is_compacted_before_its_snapshots_expire(bag: "DagBag") -> None:
    tables = ["raw_impressions", "raw_plays", "raw_quarantine", "core_impressions", "core_plays"]
    tables += ["core_play_attributions", "core_impression_plays"]
    tables += ["core_play_attributions_live", "core_impression_plays_live"]
    tables += ["features_impression_daily", "features_impression_ema"]
    tables += ["ops_compactions", "ops_heals", "ops_incidents", "ops_lake", "ops_landing_batches", "ops_landings"]
    tables += ["ops_manifests", "ops_pins", "ops_publications", "ops_rehashes", "ops_retirements"]
    tables += ["ops_stream_parity", "ops_stream_ticks"]
    expected = {("recover", f"{table}.compact") for table in tables}
    for table in tables:
        expected |= {(f"{table}.compact", f"{table}.expire"), (f"{table}.expire", f"{table}.orphans")}
    assert edges(bag, "lake_maintenance_nightly") == expected


def test_the_watcher_waits_for_no_other_task(bag: "DagBag") -> None:
    assert bag.dags["alert_watch"].get_task("look").pool == "alerts"


def test_each_mature_live_day_has_a_task_and_old_days_go_afterwards(bag: "DagBag") -> None:
    then = {("day.compare", "all_agreed"), ("expire", "all_agreed")}
    assert edges(bag, "stream_parity_daily") == {("find", "day.compare"), ("day.compare", "expire")} | then
    assert bag.dags["stream_parity_daily"].get_task("expire").trigger_rule == "all_done"


@pytest.mark.parametrize("dag_id", ["impressions_daily", "plays_daily", "impression_plays_daily", "impression_daily"])
def test_a_daily_dag_takes_the_day_that_has_just_ended_as_its_key(bag: "DagBag", dag_id: str) -> None:
    timetable = bag.dags[dag_id].timetable
    assert (type(timetable).__name__, timetable.run_offset, timetable.key_format) == (
        "CronPartitionTimetable",
        -1,
        "%Y-%m-%d",
    )
    assert not bag.dags[dag_id].catchup


def test_the_weekly_dag_takes_the_sunday_that_begins_as_its_key(bag: "DagBag") -> None:
    dag = bag.dags["impression_ema_weekly"]
    assert (type(dag.timetable).__name__, dag.timetable.run_offset) == ("CronPartitionTimetable", 0)
    assert (dag.timetable.expression, dag.timetable.key_format, dag.catchup) == ("0 0 * * 0", "%Y-%m-%d", False)


def test_only_publish_and_ingest_emit_events_one_producer_an_asset(bag: "DagBag") -> None:
    producers = [
        (outlet.name, dag_id, task.task_id)
        for dag_id, dag in bag.dags.items()
        for task in dag.tasks
        for outlet in task.outlets
    ]
    assert sorted(producers) == [
        ("core.impression_plays", "impression_plays_daily", "impression_plays.publish"),
        ("core.impressions", "impressions_daily", "impressions.publish"),
        ("core.play_attributions", "impression_plays_daily", "play_attributions.publish"),
        ("core.plays", "plays_daily", "plays.publish"),
        ("features.impression_daily", "impression_daily", "impression_daily.publish"),
        ("features.impression_ema", "impression_ema_weekly", "impression_ema.publish"),
        ("raw.impressions", "landing_ingest", "impressions"),
        ("raw.plays", "landing_ingest", "plays"),
    ]


def test_a_contract_that_cannot_be_used_leaves_the_other_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    shutil.copytree(CHECKOUT / "sql", tmp_path / "sql")
    (tmp_path / "sql" / "raw" / "plays" / "contract.odcs.yaml").write_text("id: [")
    monkeypatch.setenv("MATINEE_SQL_DIR", str(tmp_path / "sql"))
    bag = DagBag(dag_folder=str(CHECKOUT / "dags"))
    assert (bag.import_errors, {*bag.dags}) == ({}, {file.stem for file in FILES})
    # The task that lands its files says why it does not.
    assert {"impressions", "plays"} < {task.task_id for task in bag.dags["landing_ingest"].tasks}
    kept = {task.task_id.partition(".")[0] for task in bag.dags["lake_maintenance_nightly"].tasks}
    assert {"core_impressions", "raw_impressions"} < kept
    assert kept.isdisjoint({"raw_plays", "core_plays", "core_impression_plays"})
