"""What every DAG and every task must have, so that an operator finds the same things everywhere."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from matinee.contracts.registry import Registry
from matinee.settings import load_settings

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).resolve().parents[2] / "dags"
DAG_IDS = sorted(file.stem for file in DAGS.glob("*.py"))

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_has_its_runbook_with_the_fixed_headings(bag: "DagBag", dag_id: str) -> None:
    from matinee_airflow.policy import RUNBOOK_HEADINGS

    runbook = (DAGS / "runbooks" / f"{dag_id}.md").read_text()
    assert bag.dags[dag_id].doc_md == runbook
    assert runbook.startswith(f"# {dag_id}\n")
    assert tuple(re.findall(r"^## (.+)$", runbook, re.MULTILINE)) == RUNBOOK_HEADINGS


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_has_tags_of_the_fixed_list_and_does_not_catch_up(bag: "DagBag", dag_id: str) -> None:
    from matinee_airflow.policy import TAGS

    dag = bag.dags[dag_id]
    assert dag.tags
    assert dag.tags <= TAGS
    assert not dag.catchup


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_task_has_owner_retries_retry_policy_and_alert(bag: "DagBag", dag_id: str) -> None:
    from matinee_airflow.callbacks import alert
    from matinee_airflow.policy import OWNER
    from matinee_airflow.retries import RETRIES, RETRY_POLICY

    # The watcher looks again a minute later: a look that failed is not repeated.
    retries = 0 if dag_id == "alert_watch" else RETRIES
    for task in bag.dags[dag_id].tasks:
        assert (task.owner, task.retries) == (OWNER, retries), task.task_id
        options = task.partial_kwargs if task.is_mapped else vars(task)
        assert options["retry_policy"] is RETRY_POLICY, task.task_id
        assert alert in options["on_failure_callback"], task.task_id


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_what_uses_spark_takes_a_slot_of_its_pool_and_nothing_else_does(bag: "DagBag", dag_id: str) -> None:
    pools = {task.task_id: task.pool for task in bag.dags[dag_id].tasks}
    light = {"wait", "find", "all_landed", "all_agreed"}
    expected = {name: "default_pool" if name.split(".")[-1] in light else "spark" for name in pools}
    assert pools == ({"look": "alerts"} if dag_id == "alert_watch" else expected)


def test_the_owner_of_the_dags_is_the_owner_of_the_datasets() -> None:
    from matinee_airflow.policy import OWNER

    assert {contract.owner for contract in Registry.load(load_settings().sql_dir).all()} == {OWNER}


def test_every_command_in_a_runbook_exists() -> None:
    from matinee.cli.main import cli

    known = set(cli.list_commands(None))  # type: ignore[arg-type]
    runbooks = "".join(file.read_text() for file in (DAGS / "runbooks").glob("*.md"))
    assert set(re.findall(r"\bmatinee ([a-z]+)\b", runbooks)) <= known


def test_an_unknown_tag_is_refused() -> None:
    from matinee_airflow.policy import dag_policy

    with pytest.raises(ValueError, match="nightly"):
        dag_policy(str(DAGS / "plays_daily.py"), "nightly")
