"""Links of the UI: from each task of a write-audit-publish cycle to its publication."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf


class PublicationLink(BaseOperatorLink):  # type: ignore[misc]
    """Leads to the asset event of the cycle's publish task: publication id, rows, snapshot and VTTS."""

    name = "Publication"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's signature
        """Return the address of the page of the publish task in the same run and group."""
        group, _, _ = ti_key.task_id.rpartition(".")
        publish = f"{group}.publish" if group else "publish"
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}/dags/{ti_key.dag_id}/runs/{quote(ti_key.run_id, safe='')}/tasks/{publish}/asset_events"
