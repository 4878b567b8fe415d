"""The base of the year that ends with a Sunday: features.impression_ema, moving averages of what each profile saw."""

from airflow.sdk import DAG

from matinee_airflow.policy import ACTIVE_DAYS, dag_policy, each_key
from matinee_airflow.task_groups import write_audit_publish

DATASET = "features.impression_ema"

with DAG(schedule=each_key(DATASET), max_active_runs=ACTIVE_DAYS, **dag_policy(__file__, "weekly", "features")):
    write_audit_publish(DATASET)
