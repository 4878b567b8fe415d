"""Airflow's REST API, as far as the launcher and the demo use it, by Airflow's own client."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from matinee.errors import EngineUnavailableError, UsageError
from matinee.readout.airflow_log import said_by_task

if TYPE_CHECKING:
    from airflow_client.client import BackfillResponse, DAGRunResponse, TaskInstanceResponse

#: The timeout of every call, in seconds.
WITHIN = {"_request_timeout": 30.0}
#: Airflow answers with so many entries at most; so many answers are read.
PAGE, PAGES = 100, 10


@dataclass(frozen=True)
class AirflowApi:
    """A client of Airflow.

    Attributes:
        url: its address.
        token: of a service account; None: of the embedded Airflow, which asks for no login.
    """

    url: str
    token: str | None = field(default=None, repr=False)

    def health(self) -> dict[str, str]:
        """Return the state of each part that was ever started, such as `healthy`; empty while nothing answers."""
        try:
            with self._asking("MonitorApi") as monitor:
                parts = monitor.get_health(**WITHIN).to_dict()
        except EngineUnavailableError:
            return {}
        states = {name: (part or {}).get("status") for name, part in parts.items()}
        return {name: str(state) for name, state in states.items() if state is not None}

    def dag_ids(self) -> set[str]:
        """Return the DAGs that were parsed."""
        with self._asking("DAGApi") as dags:
            return {dag.dag_id for dag in dags.get_dags(limit=100, **WITHIN).dags}

    def import_errors(self) -> dict[str, str]:
        """Return why each DAG file cannot be imported, of those that cannot: a traceback."""
        with self._asking("ImportErrorApi") as errors:
            failures = errors.get_import_errors(limit=PAGE, **WITHIN).import_errors
        return {error.filename: error.stack_trace.strip() for error in failures}

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run; this starts its latest cron key too."""
        from airflow_client.client import DAGPatchBody

        with self._asking("DAGApi") as dags:
            dags.patch_dag(dag_id, DAGPatchBody(is_paused=False), update_mask=["is_paused"], **WITHIN)

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create a pool, or set its slots."""
        from airflow_client.client import PoolBody, PoolPatchBody

        with self._asking("PoolApi") as pools:
            if name in {pool.name for pool in pools.get_pools(limit=100, **WITHIN).pools}:
                # Airflow wants the whole pool, whatever the mask names.
                whole = PoolPatchBody(pool=name, slots=slots, include_deferred=False)
                pools.patch_pool(name, whole, update_mask=["slots"], **WITHIN)
            else:
                pools.post_pool(PoolBody(name=name, slots=slots, include_deferred=False), **WITHIN)

    def dag_runs(self, dag_id: str) -> "list[DAGRunResponse]":
        """Return the newest 100 runs of a DAG."""
        with self._asking("DagRunApi") as runs:
            newest: list[DAGRunResponse] = runs.get_dag_runs(dag_id, limit=100, order_by=["-id"], **WITHIN).dag_runs
        return newest

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run; None where it was not scheduled yet."""
        with self._asking("TaskInstanceApi") as tasks:
            instances = tasks.get_task_instances(dag_id, run_id, limit=100, **WITHIN).task_instances
        return {task.task_id: task.state.value if task.state else None for task in instances}

    def newest_try(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> int:
        """Return the number of a task's newest try in a run; a mapped task has a number of its own."""
        return int(self.task(dag_id, run_id, task_id, -1 if map_index is None else map_index).try_number)

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int | None = None
    ) -> list[bytes]:
        """Return the log of a try of a task: each entry as the line of JSON that the task wrote.

        Raises:
            UsageError: Airflow has no log of this try.
        """
        from airflow_client.client import ApiException

        with self._asking("TaskInstanceApi") as tasks:
            # The client's own model of an entry keeps no level and no exception.
            answer = tasks.get_log_without_preload_content(
                dag_id,
                run_id,
                task_id,
                try_number,
                map_index=-1 if map_index is None else map_index,
                full_content=True,
                accept="application/json",
                **WITHIN,
            )
            if answer.status >= 400:
                raise ApiException(status=answer.status, body=answer.data.decode(errors="replace"))
            entries = json.loads(answer.data)["content"]
        return said_by_task((entry if isinstance(entry, str) else json.dumps(entry)).encode() for entry in entries)

    def runs(self, dag_id: str = "~", pages: int = PAGES, **wanted: Any) -> "list[DAGRunResponse]":  # noqa: ANN401
        """Return the newest runs that are wanted, such as `state=["failed"]`; `~` is every DAG."""
        with self._asking("DagRunApi") as runs:
            return _paged(runs.get_dag_runs, "dag_runs", (dag_id,), pages, wanted)

    def failed_tasks(self, since: datetime) -> "list[TaskInstanceResponse]":
        """Return the tasks that have failed since an instant, and are not tried again."""
        wanted = {"state": ["failed"], "end_date_gte": since}
        with self._asking("TaskInstanceApi") as tasks:
            return _paged(tasks.get_task_instances, "task_instances", ("~", "~"), PAGES, wanted)

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> "TaskInstanceResponse":
        """Return a task of a run as it is now; a mapped task has a number of its own."""
        with self._asking("TaskInstanceApi") as tasks:
            if map_index < 0:
                task = tasks.get_task_instance(dag_id, run_id, task_id, **WITHIN)
            else:
                task = tasks.get_mapped_task_instance(dag_id, run_id, task_id, map_index, **WITHIN)
        return task

    def write_note(self, dag_id: str, run_id: str, task_id: str, text: str, map_index: int = -1) -> None:
        """Write the note of a task, over what stands there."""
        from airflow_client.client import PatchTaskInstanceBody

        body, only = PatchTaskInstanceBody(note=text), {"update_mask": ["note"]}
        with self._asking("TaskInstanceApi") as tasks:
            if map_index < 0:
                tasks.patch_task_instance(dag_id, run_id, task_id, body, **only, **WITHIN)
            else:
                tasks.patch_task_instance_by_map_index(dag_id, run_id, task_id, map_index, body, **only, **WITHIN)

    def clear(self, dag_id: str, run_id: str, tasks: "Iterable[TaskInstanceResponse]") -> None:
        """Let failed tasks of a run be tried again, and the tasks after them that did not run because of them."""
        from airflow_client.client import ClearTaskInstancesBody, ClearTaskInstancesBodyTaskIdsInner

        mapped = [[task.task_id, task.map_index] if task.map_index >= 0 else task.task_id for task in tasks]
        named = [ClearTaskInstancesBodyTaskIdsInner(name) for name in mapped]
        wanted = ClearTaskInstancesBody(dry_run=False, dag_run_id=run_id, task_ids=named, include_downstream=True)
        with self._asking("TaskInstanceApi") as instances:
            instances.post_clear_task_instances(dag_id, wanted, **WITHIN)

    def backfills(self, dag_id: str) -> "list[BackfillResponse]":
        """Return the newest backfills of a DAG."""
        with self._asking("BackfillApi") as backfills:
            newest: list[BackfillResponse] = backfills.list_backfills(
                dag_id, limit=20, order_by=["-id"], **WITHIN
            ).backfills
        return newest

    @contextmanager
    def _asking(self, group: str) -> Iterator[Any]:
        """Yield a group of the API's calls; its errors become Matinee's."""
        import airflow_client.client
        from urllib3.exceptions import HTTPError

        configuration = airflow_client.client.Configuration(host=self.url, access_token=self.token)
        # Straight to the loopback interface, whatever proxies the environment names.
        configuration.proxy = None
        configuration.retries = False  # Whoever asks decides whether to ask again.
        try:
            with airflow_client.client.ApiClient(configuration) as client:
                yield getattr(airflow_client.client, group)(client)
        except airflow_client.client.ApiException as error:
            if not error.status or error.status >= 500:
                raise self._unavailable(error) from error
            raise UsageError(
                f"Airflow refused a call of {group}: {error.status} {str(error.body)[:500]}",
                next_step="Check the DAG, the run and the task that it names.",
                facts={"status": error.status},
            ) from error
        except (OSError, HTTPError, ValueError) as error:  # Another program may answer at this address.
            raise self._unavailable(error) from error

    def _unavailable(self, cause: Exception) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"Airflow does not answer at {self.url}.",
            next_step="Start the embedded stack with `make up`, or look at the logs in <home>/run.",
            facts={"url": self.url, "cause": str(cause)[:500]},
        )


def _paged(
    ask: Callable[..., Any], name: str, path: tuple[str, ...], pages: int, wanted: Mapping[str, Any]
) -> list[Any]:
    entries: list[Any] = []
    for page in range(pages):
        some = getattr(ask(*path, limit=PAGE, offset=page * PAGE, order_by=["-id"], **wanted, **WITHIN), name)
        entries += some
        if len(some) < PAGE:
            break
    return entries
