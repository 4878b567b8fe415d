"""Upkeep of every table: ledger recovery, compaction with proof, expiry of snapshots, orphan files."""

from airflow.sdk import DAG, TaskGroup, chain

from matinee.contracts.registry import Registry
from matinee.settings import load_settings
from matinee_airflow.policy import dag_policy
from matinee_airflow.spark_task import spark_task

NOW = "{{ dag_run.run_after.isoformat() }}"
DATASETS = [contract.dataset for contract in Registry.load(load_settings().sql_dir).all()]

with DAG(schedule="30 3 * * *", max_active_runs=1, **dag_policy(__file__, "maintenance", "core", "raw", "ops")):
    recover = spark_task("recover", "maintain", ["--what", "recover"])
    for dataset in DATASETS:
        with TaskGroup(group_id=dataset.replace(".", "_")):
            compact, expire, orphans = (
                spark_task(what, "maintain", ["--what", what, "--dataset", dataset, "--now", NOW])
                for what in ("compact", "expire", "orphans")
            )
            chain(recover, compact, expire, orphans)
