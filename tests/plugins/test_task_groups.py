"""The task group of a daily run: a dataset with a `serve.yaml` has a task that serves what was published."""

from pathlib import Path

import pytest
from tests.support.served import served_sql

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]


def downstream_of_publish(dataset: str) -> set[str]:
    from airflow.sdk import DAG

    from matinee_airflow.task_groups import write_audit_publish

    with DAG("some_dag", schedule=None) as dag:
        write_audit_publish(dataset)
    return set(dag.get_task(f"{dataset.partition('.')[2]}.publish").downstream_task_ids)


def test_what_is_served_is_served_after_publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MATINEE_SQL_DIR", str(served_sql(tmp_path)))
    assert downstream_of_publish("dims.offers") == {"offers.serve"}
    assert downstream_of_publish("core.plays") == set()
