"""raw.impressions and raw.plays: the files of the landing directory, every five minutes; manifests last."""

from airflow.sdk import DAG

from matinee.settings import load_settings
from matinee_airflow.assets import asset_of
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

LANDING = AirflowSettings().landing(load_settings())

with DAG(schedule="*/5 * * * *", max_active_runs=1, **dag_policy(__file__, "landing", "raw")):
    events = [
        spark_task(
            name,
            "ingest",
            ["--dataset", f"raw.{name}", "--from", f"{LANDING}/{name}*"],
            outlets=[asset_of(f"raw.{name}")],
        )
        for name in ("impressions", "plays")
    ]
    # A manifest closes its days: it comes after the rows that it counts.
    manifests = spark_task("manifests", "ingest", ["--from", f"{LANDING}/manifest*"])
    events >> manifests
