"""The alarm: a red task for every dataset whose VTTS lags behind the clock by more than its contract allows."""

from airflow.sdk import DAG

from matinee_airflow.freshness import ExplainStaleDataset, FindStaleDatasets
from matinee_airflow.policy import dag_policy

with DAG(schedule="*/15 * * * *", max_active_runs=1, **dag_policy(__file__, "freshness", "core", "raw")):
    stale = FindStaleDatasets(task_id="find")
    ExplainStaleDataset.partial(task_id="stale", map_index_template="{{ task.dataset }}").expand(dataset=stale.output)
