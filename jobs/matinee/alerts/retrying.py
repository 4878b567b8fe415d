"""Trying again: failed tasks that show an incident are cleared once its cause is gone; Airflow runs them again."""

from datetime import datetime

from matinee.alerts.journal.records import Note
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import NOTES
from matinee.alerts.people import known
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals.airflow import failed_of
from matinee.alerts.signals.failures import WITHIN
from matinee.errors import SettingsError
from matinee.settings import Settings
from matinee.stack.api import AirflowApi
from matinee.stack.environment import StackSettings
from matinee.stack.launcher import COMPONENTS, status


def retry(journal: Journal, api: AirflowApi, incident_id: str, who: str, why: str, at: datetime) -> list[str]:
    """Clear the failed tasks that show an incident, and those that did not run because of them; return their names.

    Raises:
        UsageError: there is no such incident, or Airflow refuses.
        EngineUnavailableError: Airflow does not answer.
    """
    with journal.begin() as entries:
        witnesses = set(known(entries, incident_id).witnesses)
    since = at - WITHIN
    failed = {failed_of(task, None, since).name: task for task in api.failed_tasks(since)}
    again = {name: task for name, task in sorted(failed.items()) if name in witnesses}
    for run in sorted({(task.dag_id, task.dag_run_id) for task in again.values()}):
        api.clear(*run, [task for task in again.values() if (task.dag_id, task.dag_run_id) == run])
    with journal.begin() as entries:
        entries.put(NOTES, Note(incident_id, at, "retried", who, f"{len(again)} tasks: {why}"))
    return list(again)


def airflow_of(settings: Settings) -> AirflowApi:
    """Return the Airflow that the settings name, else that of this lake's own stack.

    Raises:
        SettingsError: the settings name none, and no stack of this lake runs.
    """
    ours = AlertSettings()
    token = ours.alerts_airflow_token.get_secret_value() if ours.alerts_airflow_token else None
    if ours.alerts_airflow is not None:
        return AirflowApi(ours.alerts_airflow, token)
    if not any(part.pid for part in status(settings) if part.name in COMPONENTS):
        raise SettingsError(
            "No Airflow is named, and this lake's own does not run.",
            next_step="Set MATINEE_ALERTS_AIRFLOW to Airflow's address, or start the embedded stack with `make up`.",
        )
    return AirflowApi(StackSettings().airflow_url)
