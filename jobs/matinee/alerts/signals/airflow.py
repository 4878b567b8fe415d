"""Airflow, through its API: failed tasks, runs that take too long, parts that are not healthy, and upkeep."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from matinee.alerts.linking import BACKFILLS, Backfill
from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals import durations, failures
from matinee.alerts.signals.failures import Failed, Succeeded
from matinee.alerts.signals.notes import write_notes
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.whys import Whys
from matinee.contracts.model import Contract
from matinee.errors import ContractError
from matinee.stack.api import AirflowApi

if TYPE_CHECKING:
    from airflow_client.client import DAGRunResponse, TaskInstanceResponse

#: A backfill counts for so long after its end: its failures are seen a little later.
LATELY = timedelta(days=1)
#: How often usual lengths are learned.
LEARNED_EACH = timedelta(hours=6)
#: Where the watcher's memory has the DAG files that cannot be imported, and since when.
NOT_IMPORTED = "not imported"
UPKEEP_DAG, UPKEEP_WITHIN = "lake_maintenance_nightly", timedelta(hours=50)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield what Airflow tells.

    Raises:
        EngineUnavailableError: Airflow does not answer.
    """
    url, token = outlook.ours.alerts_airflow, outlook.ours.alerts_airflow_token
    if url is None:
        return
    api = AirflowApi(url, token.get_secret_value() if token else None)
    at_work = api.runs(state=["running", "queued"])
    yield from _unhealthy(api)
    yield from _not_imported(outlook, api)
    failed = _failures(outlook, api, at_work)
    whys, contracts = Whys(outlook, api), _contracts(outlook)
    for task in failed:
        if why := whys.of(task):  # Without its log a failure would be a cause of its own, beside its true cause.
            yield failures.signal_of(task, why, contracts, outlook.memory[BACKFILLS], api.url)
    yield from _at_work(outlook, api, at_work)
    yield from _upkeep(outlook, api)
    write_notes(outlook, api, whys.known(failed))


def _unhealthy(api: AirflowApi) -> Iterator[Signal]:
    for part, state in sorted(api.health().items()):
        if state != "healthy":
            words = part.replace("_", " ")
            yield Signal(
                "source",
                f"Airflow's {words}",
                Identity("unavailable", f"airflow {words}"),
                f"Airflow's {words} is {state}",
                "Read its log in <home>/run; `make down`, then `make up`, starts all parts again.",
                value=1.0,
            )


def _not_imported(outlook: Outlook, api: AirflowApi) -> Iterator[Signal]:
    before: dict[str, datetime] = outlook.memory.get(NOT_IMPORTED, {})
    traces = api.import_errors()
    since = outlook.memory[NOT_IMPORTED] = {file: before.get(file, outlook.at) for file in sorted(traces)}
    for file, begun in since.items():
        yield failures.not_imported(file, traces[file], begun)


def _contracts(outlook: Outlook) -> Sequence[Contract]:
    """Return the contracts; none where one is wrong, which the looks at the lake tell."""
    with suppress(ContractError):
        return outlook.registry.all()
    return ()


def _failures(outlook: Outlook, api: AirflowApi, at_work: "list[DAGRunResponse]") -> list[Failed]:
    """Return the failures that stand; what is known of backfills is kept for `linking`."""
    since = outlook.at - failures.WITHIN
    tasks = api.failed_tasks(since)
    of_dags = [run for dag in sorted({task.dag_id for task in tasks}) for run in _of(api, dag, tasks)]
    runs = {(run.dag_id, run.dag_run_id): run for run in of_dags}  # DAGs share names of runs.
    failed = [failed_of(task, runs.get((task.dag_id, task.dag_run_id)), since) for task in tasks]
    succeeded = [
        Succeeded(run.dag_id, _key(run), run.end_date)
        for run in runs.values()
        if run.state.value == "success" and run.end_date is not None
    ]
    restating = {run.dag_id for run in at_work if run.run_type.value == "backfill"}
    restating |= {task.dag for task in failed if task.is_backfill}
    backfills = [each for dag in sorted(restating) for each in _backfills(outlook, api, dag)]
    outlook.memory[BACKFILLS] = tuple(backfills)
    return failures.standing(failed, succeeded)


def failed_of(task: "TaskInstanceResponse", run: "DAGRunResponse | None", since: datetime) -> Failed:
    """Return a failed task; `since` is when the task ended at the earliest, where Airflow does not tell."""
    return Failed(
        task.dag_id,
        task.dag_run_id,
        task.task_id,
        task.map_index,
        task.try_number,
        task.end_date or since,
        _key(run),
        run is not None and run.run_type.value == "backfill",
    )


def _of(api: AirflowApi, dag: str, tasks: "list[TaskInstanceResponse]") -> "list[DAGRunResponse]":
    """Return the runs of a DAG since the first of its runs that failed."""
    return api.runs(dag, run_after_gte=min(task.run_after for task in tasks if task.dag_id == dag))


def _key(run: "DAGRunResponse | None") -> str:
    return (run.partition_key or "") if run else ""


def _backfills(outlook: Outlook, api: AirflowApi, dag: str) -> Iterator[Backfill]:
    for told in api.backfills(dag):
        if told.completed_at is None or outlook.at - told.completed_at <= LATELY:
            yield Backfill(told.id, dag, told.from_date.date(), told.to_date.date())


def _at_work(outlook: Outlook, api: AirflowApi, runs: "list[DAGRunResponse]") -> Iterator[Signal]:
    for run in runs:
        begun = run.queued_at or run.start_date
        if begun is not None and run.run_type.value != "backfill":
            known = outlook.remembered(f"runs of {run.dag_id}", LEARNED_EACH, partial(_ran, api, run.dag_id))
            yield durations.signal_of(run.dag_id, run.dag_run_id, begun, known)


def _ran(api: AirflowApi, dag: str) -> list[durations.Ran]:
    ended = api.runs(dag, pages=1, state=["success"])
    begins = ((run.queued_at or run.start_date, run.end_date) for run in ended)
    return [durations.Ran(begun, end) for begun, end in begins if begun is not None and end is not None]


def _upkeep(outlook: Outlook, api: AirflowApi) -> Iterator[Signal]:
    """Yield when the nightly upkeep has last succeeded: compaction, expiry and the rest."""
    known = outlook.remembered("upkeep runs", timedelta(minutes=10), lambda: _ran(api, UPKEEP_DAG))
    if known:
        last = max(run.ended for run in known)
        yield Signal(
            "upkeep",
            f"{UPKEEP_DAG} has not succeeded",
            Identity("not_run", "upkeep"),
            f"{UPKEEP_DAG} has last succeeded at {last:%Y-%m-%d %H:%MZ}",
            f"Open its last run in Airflow; a paused {UPKEEP_DAG} compacts and expires nothing.",
            since=last,
            limit=UPKEEP_WITHIN.total_seconds(),
            dag=UPKEEP_DAG,
        )
