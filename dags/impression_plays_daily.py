"""The join of a UTC event day: core.play_attributions (one row a play), core.impression_plays (one an impression)."""

from airflow.sdk import DAG

from matinee_airflow.policy import ACTIVE_DAYS, dag_policy, each_key
from matinee_airflow.task_groups import write_audit_publish

with DAG(
    schedule=each_key("core.impression_plays"), max_active_runs=ACTIVE_DAYS, **dag_policy(__file__, "daily", "core")
):
    attributions = write_audit_publish("core.play_attributions")
    # No wait: the attributions waited for the same impressions, and were published just before.
    impression_plays = write_audit_publish("core.impression_plays", wait=False)
    attributions >> impression_plays
