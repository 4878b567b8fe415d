"""The tiles of a UTC event day: features.impression_daily, what each profile saw of each title, by location."""

from airflow.sdk import DAG

from matinee_airflow.policy import ACTIVE_DAYS, dag_policy, each_day
from matinee_airflow.task_groups import write_audit_publish

with DAG(schedule=each_day(), max_active_runs=ACTIVE_DAYS, **dag_policy(__file__, "daily", "features")):
    write_audit_publish("features.impression_daily")
