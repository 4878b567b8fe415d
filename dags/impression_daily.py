"""The tiles of a UTC event day: features.impression_daily, what each profile saw of each title, by location."""

from airflow.sdk import DAG

from matinee_airflow.policy import ACTIVE_DAYS, dag_policy, each_key
from matinee_airflow.task_groups import write_audit_publish

DATASET = "features.impression_daily"

with DAG(schedule=each_key(DATASET), max_active_runs=ACTIVE_DAYS, **dag_policy(__file__, "daily", "features")):
    write_audit_publish(DATASET)
