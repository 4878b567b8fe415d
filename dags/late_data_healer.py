"""Heal the cells that late rows change, judge days that lack rows, and call a person where that does not help."""

from airflow.sdk import DAG

from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

NOW = "{{ dag_run.run_after.isoformat() }}"

with DAG(schedule="*/30 * * * *", max_active_runs=1, **dag_policy(__file__, "maintenance", "core", "raw")):
    spark_task("heal", "heal", ["--now", NOW])
