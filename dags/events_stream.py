"""Every two minutes: land what Kafka or the landing folder holds; the live tables follow. `stream run` is quicker."""

from airflow.sdk import DAG

from matinee.settings import load_settings
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

SETTINGS = load_settings()
FOLDER = ["--from", str(AirflowSettings().landing(SETTINGS))]
SOURCE = ["--servers", SETTINGS.stream.kafka] if SETTINGS.stream.kafka else FOLDER

with DAG(schedule="*/2 * * * *", max_active_runs=1, **dag_policy(__file__, "stream", "core", "raw")):
    spark_task("tick", "stream", SOURCE)
