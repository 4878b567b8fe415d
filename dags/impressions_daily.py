"""core.impressions: one UTC event day a run, typed and deduplicated, audited, published."""

from airflow.sdk import DAG

from matinee_airflow.policy import ACTIVE_DAYS, dag_policy, each_key
from matinee_airflow.task_groups import write_audit_publish

DATASET = "core.impressions"

with DAG(schedule=each_key(DATASET), max_active_runs=ACTIVE_DAYS, **dag_policy(__file__, "daily", "core")):
    write_audit_publish(DATASET)
