"""What happens when a task has failed for good: one line that says what, why and what to do."""

import logging
from collections.abc import Mapping
from typing import Any

from matinee.errors import MatineeError

log = logging.getLogger(__name__)


def alert(context: Mapping[str, Any]) -> None:
    """Log the alert of a failed task; Airflow calls it once the last try has failed."""
    log.error(alert_line(context))


def alert_line(context: Mapping[str, Any]) -> str:
    """Return the alert as one line: task, key, error, next step and runbook."""
    ti, dag_run = context["ti"], context["dag_run"]
    key = dag_run.partition_key or (dag_run.conf or {}).get("partition_key") or "-"
    error = context.get("exception")
    if isinstance(error, MatineeError):
        why = f"{type(error).__name__}: {error.message} | next: {error.next_step}"
    else:
        why = f"{type(error).__name__}: {error} | next: read the log of try {ti.try_number}"
    where = f"{ti.dag_id}.{ti.task_id} key={key} run={ti.run_id}"
    return f"ALERT {where} | {why} | runbook: dags/runbooks/{ti.dag_id}.md".replace("\n", " ")
