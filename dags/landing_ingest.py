"""Landed events: the files of the landing directory, every five minutes, a task a dataset; manifests last."""

from glob import escape

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from matinee.contracts.registry import Registry
from matinee.settings import load_settings
from matinee_airflow.assets import asset_of
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

SETTINGS = load_settings()
LANDING = escape(AirflowSettings().landing(SETTINGS))

with DAG(schedule="*/5 * * * *", max_active_runs=1, **dag_policy(__file__, "landing", "raw")):
    events = [
        spark_task(word, "ingest", ["--dataset", dataset, "--from", f"{LANDING}/{word}*"], outlets=[asset_of(dataset)])
        for word, dataset in Registry.load(SETTINGS.sql_dir).words().items()
    ]
    # A manifest closes its days: it comes after the rows that it counts. It lands also where files were refused: a day
    # whose rows are missing stays open by their number, the others go on.
    manifests = spark_task("manifests", "ingest", ["--from", f"{LANDING}/manifest*"], trigger_rule="all_done")
    events >> manifests
    # Airflow judges a run by its last tasks: without this task a run whose events failed would succeed.
    [*events, manifests] >> EmptyOperator(task_id="all_landed")
