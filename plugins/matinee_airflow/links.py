"""Links of the UI: from a task of a write-audit-publish cycle to its publication, from a failed task to the reason."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from matinee_airflow.pages.mount import root


class PublicationLink(BaseOperatorLink):  # type: ignore[misc]
    """Leads to the asset event of the cycle's publish task: publication id, rows, snapshot and VTTS."""

    name = "Publication"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's signature
        """Return the address of the page of the publish task in the same run and group."""
        group, _, _ = ti_key.task_id.rpartition(".")
        publish = f"{group}.publish" if group else "publish"
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}/dags/{ti_key.dag_id}/runs/{quote(ti_key.run_id, safe='')}/tasks/{publish}/asset_events"


class FailureLink(BaseOperatorLink):  # type: ignore[misc]
    """Leads from a task that has failed for good to the page that says why; Airflow's API server makes the link."""

    name = "Why it failed"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's signature
        """Return the address of the page; an empty text, which Airflow does not show, for another task."""
        from matinee_airflow.pages.logs import Task, has_failed

        if not has_failed(Task(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)):
            return ""
        parts = "/".join(quote(part, safe="") for part in (ti_key.dag_id, ti_key.run_id, ti_key.task_id))
        mapped = f"?map_index={ti_key.map_index}" if ti_key.map_index >= 0 else ""
        return f"{root()}/failure/{parts}{mapped}"
