"""The watcher of alerts, standing by: it looks while no process `matinee alerts watch` does."""

from airflow.sdk import DAG

from matinee_airflow.alerts import LookAtAlerts
from matinee_airflow.policy import ALERTS_POOL, dag_policy

with DAG(schedule="* * * * *", max_active_runs=1, **dag_policy(__file__, "alerts", "ops")):
    LookAtAlerts(task_id="look", pool=ALERTS_POOL, retries=0)
