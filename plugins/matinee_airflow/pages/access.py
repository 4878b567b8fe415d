"""Who may see and do what: Airflow's own login and permissions, on every route and method."""

from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from airflow.sdk.configuration import conf
from fastapi import Depends, HTTPException, Request, params
from pydantic import BaseModel, ConfigDict, Field

#: A header that no form and no page of another origin can send without being asked first.
HEADER = "x-matinee"
#: Airflow shows the plugin's entries to whoever may see plugins.
may_see = Depends(requires_access_view(AccessView.PLUGINS))
may_read_logs = Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS))


class Why(BaseModel):
    """What whoever writes has to say."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=500)


def writes(dag_id: str) -> list[params.Depends]:
    """Return what a write asks for: our own page as its origin, the right to change the DAG, and the operator role."""
    return [Depends(_from_our_page), Depends(requires_access_dag("PUT", param_dag_id=dag_id)), Depends(_is_operator)]


def _is_operator(user: GetUserDep) -> None:
    # Airflow has no question for the role itself; changing pools is what operators may do, and users may not.
    if not get_auth_manager().is_authorized_pool(method="PUT", user=user):
        raise HTTPException(403, "Forbidden: this needs the operator role.")


def _from_our_page(request: Request) -> None:
    """Refuse what another site's page could make a browser send with the user's cookie."""
    ours = conf.get("api", "base_url", fallback="") or str(request.base_url)
    if _origin(request.headers.get("origin", "")) != _origin(ours):
        raise HTTPException(403, f"Forbidden: the request has another origin; open the page at {ours}.")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "The request has to be JSON.")
    if HEADER not in request.headers:
        raise HTTPException(403, f"Forbidden: the header {HEADER} is missing.")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
