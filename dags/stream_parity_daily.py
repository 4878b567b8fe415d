"""The gate of the stream: compare each mature live day with its publication, then remove old live days."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task_group

from matinee_airflow.parity import FindMatureDays
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

with DAG(schedule="0 7 * * *", max_active_runs=1, **dag_policy(__file__, "stream", "core")):
    mature = FindMatureDays(task_id="find")

    @task_group(group_id="day")  # type: ignore[untyped-decorator]
    def compared(day: str) -> None:
        """Compare one day of the live tables with its publications."""
        spark_task("compare", "parity", ["--key", day])

    # Old days are removed also where a day differs: ops.stream_parity keeps the difference, and the live tables must
    # not grow for ever.
    days = compared.expand(day=mature.output)
    expire = spark_task("expire", "parity", [], trigger_rule="all_done")
    days >> expire
    # Airflow judges a run by its last tasks: without this task a run with a day that differs would succeed.
    [days, expire] >> EmptyOperator(task_id="all_agreed")
