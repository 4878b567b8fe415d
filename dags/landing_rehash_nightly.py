"""The files of the landing directory, read again each night: do they still hold what was landed from them?"""

from glob import escape

from airflow.sdk import DAG

from matinee.contracts.registry import Registry
from matinee.settings import load_settings
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

SETTINGS = load_settings()
LANDING = escape(AirflowSettings().landing(SETTINGS))

with DAG(schedule="0 2 * * *", max_active_runs=1, **dag_policy(__file__, "landing", "raw")):
    for contract in Registry.load(SETTINGS.sql_dir).all():
        if contract.files:
            files = f"{LANDING}/{contract.name}*"
            spark_task(contract.name, "ingest", ["--dataset", contract.dataset, "--from", files, "--rehash", "yes"])
