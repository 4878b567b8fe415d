"""The link from a task to its publication, and the line that an operator is alerted with."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from matinee.errors import AuditFailedError

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]


def context(error: BaseException | None) -> dict[str, object]:
    ti = SimpleNamespace(dag_id="plays_daily", task_id="plays.audit", run_id="run 1+2", try_number=2)
    return {"ti": ti, "dag_run": SimpleNamespace(partition_key="2026-03-01", conf=None), "exception": error}


@pytest.mark.parametrize("task", ["write", "audit", "publish"])
def test_each_task_of_a_cycle_leads_to_the_asset_event_of_its_publish_task(task: str) -> None:
    from matinee_airflow.links import PublicationLink

    ti = SimpleNamespace(dag_id="plays_daily", run_id="run 1+2", task_id=f"plays.{task}")
    link = PublicationLink().get_link(None, ti_key=ti)
    assert link.endswith("/dags/plays_daily/runs/run%201%2B2/tasks/plays.publish/asset_events")


def test_the_page_that_the_link_leads_to_is_one_of_the_user_interface() -> None:
    import airflow

    scripts = [file.read_text() for base in airflow.__path__ for file in Path(base).glob("ui/dist/assets/index-*.js")]
    assert any("path:`dags/:dagId/runs/:runId/tasks/:taskId`" in text for text in scripts)
    assert any("path:`asset_events`" in text for text in scripts)


def test_the_plugin_registers_the_link() -> None:
    from airflow import plugins_manager

    from matinee_airflow.links import PublicationLink

    links = plugins_manager.get_operator_extra_links()
    assert any(isinstance(link, PublicationLink) for link in links)


def test_an_alert_is_one_line_with_error_next_step_and_runbook() -> None:
    from matinee_airflow.callbacks import alert_line

    error = AuditFailedError("3 rows failed\nevent_lost.", next_step="matinee publications show core_plays_20260301_r1")
    assert alert_line(context(error)) == (
        "ALERT plays_daily.plays.audit key=2026-03-01 run=run 1+2 | AuditFailedError: 3 rows failed event_lost. "
        "| next: matinee publications show core_plays_20260301_r1 | runbook: dags/runbooks/plays_daily.md"
    )


def test_an_alert_of_another_error_points_at_its_log() -> None:
    from matinee_airflow.callbacks import alert_line

    assert "KeyError: 'x' | next: read the log of try 2" in alert_line(context(KeyError("x")))
