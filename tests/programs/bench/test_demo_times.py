"""What Airflow adds to a task, from its own records."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.bench.demo import Task, overheads, tasks_of

COLUMNS = "dag_id, task_id, run_id, map_index, queued_dttm, start_date, end_date, state, operator"


def test_a_task_costs_what_its_step_does_not(tmp_path: Path) -> None:
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE task_instance ({COLUMNS})")
        database.execute("CREATE TABLE xcom (dag_id, task_id, run_id, map_index, key, value)")
        at = ("2026-03-01 00:00:01.000000", "2026-03-01 00:00:01.500000", "2026-03-01 00:00:04.500000")
        done = ("plays_daily", "plays.write", "r1", -1, *at)
        database.execute("INSERT INTO task_instance VALUES (?,?,?,?,?,?,?,?,?)", (*done, "success", "ConnectStep"))
        skipped = ("plays_daily", "plays.audit", "r1", -1, None, None, None, None, "ConnectStep")
        database.execute("INSERT INTO task_instance VALUES (?,?,?,?,?,?,?,?,?)", skipped)
        report = '{"seconds": {"plan": 0.5, "write": 2.0}}'
        database.execute("INSERT INTO xcom VALUES (?,?,?,?,?,?)", (*done[:4], "return_value", report))
        database.commit()
    assert tasks_of(path) == [Task("plays_daily plays.write", queued=0.5, running=3.0, step=2.5)]


def test_the_overhead_of_a_task_is_the_median_of_its_runs() -> None:
    runs = [Task("a", 0.0, running, 1.0) for running in (1.2, 1.9, 1.3)]
    assert overheads(runs) == {"a": 0.3}
