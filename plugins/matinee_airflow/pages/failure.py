"""The page Failure: why a task of a run failed, read from the log of its last try."""

from shlex import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from matinee.readout.explain import explain
from matinee_airflow.pages.access import may_read_logs
from matinee_airflow.pages.logs import Task
from matinee_airflow.pages.site import Site

router = APIRouter()


@router.get("/failure/{dag_id}/{run_id}/{task_id}", dependencies=[may_read_logs])
def failure(request: Request, dag_id: str, run_id: str, task_id: str, map_index: str = "") -> HTMLResponse:
    """Show the class of the failure, its cause in one line, the lines that show it, and the next step."""
    site = Site.of(request)
    # Airflow leaves its placeholder in the address of a task that is not mapped.
    task = Task(dag_id, run_id, task_id, int(map_index) if map_index.isdecimal() else -1)
    facts = {"title": "Failure", "task": task, "told": explain(site.logs(task))}
    twin = f"matinee failure explain --dag {quote(dag_id)} --run {quote(run_id)} --task {quote(task_id)}"
    twin += f" --map-index {task.map_index}" if task.map_index >= 0 else ""
    return site.page(request, "failure", facts | {"twin": twin})
