"""Landed events: the files of the landing directory, every five minutes, a task a dataset; manifests last."""

from airflow.sdk import DAG

from matinee.contracts.registry import Registry
from matinee.settings import load_settings
from matinee_airflow.assets import asset_of
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

SETTINGS = load_settings()
LANDING = AirflowSettings().landing(SETTINGS)

with DAG(schedule="*/5 * * * *", max_active_runs=1, **dag_policy(__file__, "landing", "raw")):
    events = [
        spark_task(
            contract.name,
            "ingest",
            ["--dataset", contract.dataset, "--from", f"{LANDING}/{contract.name}*"],
            outlets=[asset_of(contract.dataset)],
        )
        for contract in Registry.load(SETTINGS.sql_dir).all()
        if contract.files
    ]
    # A manifest closes its days: it comes after the rows that it counts.
    manifests = spark_task("manifests", "ingest", ["--from", f"{LANDING}/manifest*"])
    events >> manifests
