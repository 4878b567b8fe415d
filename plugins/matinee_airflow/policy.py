"""What every DAG has in common: owner, tags, runbook, retries, pool and alert."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronPartitionTimetable

from matinee.contracts.loader import FILE_NAME, load
from matinee.settings import load_settings
from matinee_airflow.callbacks import alert
from matinee_airflow.keys import MACROS
from matinee_airflow.retries import RETRIES, RETRY_DELAY, RETRY_POLICY

OWNER = "discovery-data"
TAGS = frozenset({"daily", "weekly", "landing", "maintenance", "alerts", "raw", "core", "features", "ops", "stream"})
SPARK_POOL = "spark"
#: Its one slot is the watcher's: no other task can keep it waiting.
ALERTS_POOL = "alerts"
LIGHT_POOL = "default_pool"
#: A run that waits for its inputs counts as active: so many days may wait, and a ready day still runs. What Spark does
#: at the same time is limited by its pool.
ACTIVE_DAYS = 100
RUNBOOK_HEADINGS = ("Produces", "Grain and partition", "If it fails", "Late data and backfill", "Who is paged")


def dag_policy(file: str, *tags: str) -> dict[str, Any]:
    """Return the arguments that every DAG takes; `file` is the DAG's `__file__` and names it.

    Raises:
        ValueError: a tag is not of the fixed vocabulary.
    """
    if unknown := set(tags) - TAGS:
        raise ValueError(f"tags {sorted(unknown)} are not in the vocabulary {sorted(TAGS)}")
    path = Path(file)
    return {
        "dag_id": path.stem,
        "doc_md": (path.parent / "runbooks" / f"{path.stem}.md").read_text(),
        "tags": list(tags),
        "catchup": False,
        "user_defined_macros": dict(MACROS),
        "default_args": {
            "owner": OWNER,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": RETRY_POLICY,
            "pool": LIGHT_POOL,
            # A run that has begun ends before the next one begins: else neighbouring days make each other stale.
            "weight_rule": "upstream",
            "on_failure_callback": alert,
        },
    }


def each_key(dataset: str) -> CronPartitionTimetable:
    """Return the schedule of the DAG that publishes a dataset, by the cadence of its contract, at midnight UTC.

    The key of a day is run once the day has ended. The run of a week begins with the day that is its key, and waits for
    its inputs: a schedule of weeks can name no other day.
    """
    cadence = load(load_settings().sql_dir.joinpath(*dataset.split("."), FILE_NAME)).cadence
    cron, offset = ("0 0 * * *", -1) if cadence.step == 1 else (f"0 0 * * {(cadence.weekday + 1) % 7}", 0)
    return CronPartitionTimetable(cron, timezone="UTC", run_offset=offset, key_format="%Y-%m-%d")
