"""`matinee failure`: why a task failed, in one line, with evidence, the next step and what differs."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from matinee.cli.output import emit, emit_one, output_option
from matinee.errors import EngineUnavailableError, MatineeError, UsageError
from matinee.readout.differs import Difference, of_environment, since_publication
from matinee.readout.environment import environment_of
from matinee.readout.explain import Readout
from matinee.readout.explain import explain as read_out
from matinee.readout.masking import masked
from matinee.readout.reports import last_success, read_report
from matinee.readout.system import kernel_lines, memory_lines, pids_of
from matinee.readout.task import explain_task
from matinee.readout.unrecognised import file_of, record, recorded
from matinee.report import Report, report_name
from matinee.settings import Settings, load_settings
from matinee.stack.api import AirflowApi
from matinee.stack.environment import StackSettings, airflow_home
from matinee.table.catalog import Lake


@click.group()
def failure() -> None:
    """Failures of tasks: their class, cause, evidence, next step, and what differs from the last success."""


@failure.command()
@click.option("--log", metavar="FILE", help="The log of the task, or - for standard input.")
@click.option("--dag", metavar="DAG", help="The DAG of the task.")
@click.option("--run", metavar="RUN", help="The run of the task.")
@click.option("--task", metavar="TASK", help="The task.")
@click.option("--map-index", type=click.IntRange(0), help="The number of a mapped task.")
@click.option("--try", "try_number", type=click.IntRange(1), help="The try; default: the newest.")
@click.option("--unknown", is_flag=True, help="List the failures that were read out and not recognised.")
@output_option
def explain(
    log: str | None,
    dag: str | None,
    run: str | None,
    task: str | None,
    map_index: int | None,
    try_number: int | None,
    unknown: bool,
    output: str,
) -> None:
    """Say why a task failed: from its log, or from all that the task left.

    The class is input, contract, code, configuration, permission, resource, network, conflict, external, platform,
    unknown, or none where the log shows no failure. Secrets are masked.

    \b
    Example:
      matinee failure explain --log task.log
      matinee failure explain --dag core_plays --run scheduled__2026-03-02 --task plays.write
      matinee failure explain --unknown
    """
    named = [name for name in (dag, run, task) if name]
    if [bool(log), bool(named), unknown].count(True) != 1 or len(named) not in {0, 3}:
        raise UsageError(
            "Which failure is not clear.", next_step="Give --log FILE, or --dag, --run and --task, or --unknown."
        )
    if unknown:
        rows = [vars(each) for each in recorded(file_of(load_settings()))]
        emit(rows, output, empty="Every failure that was read out was recognised.")
    elif log:
        _show(read_out(_lines_of(log)), [], f"log {log}", output)
    elif dag and run and task:
        readout, differs = _of_task(load_settings(), dag, run, task, map_index, try_number)
        _show(readout, differs, f"task {dag} {run} {task}", output)


def _lines_of(log: str) -> list[bytes]:
    try:
        with nullcontext(sys.stdin.buffer) if log == "-" else Path(log).open("rb") as lines:
            return [*lines]
    except OSError as error:
        raise UsageError(
            f"The log {log} cannot be read: {error.strerror}.",
            next_step="Name the file of a log, or - for standard input.",
            facts={"log": log},
        ) from error


def _of_task(
    settings: Settings, dag: str, run: str, task: str, map_index: int | None, try_number: int | None
) -> tuple[Readout, list[Difference]]:
    api = AirflowApi(StackSettings().airflow_url)
    folder = airflow_home(settings) / "logs" / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}"
    folder = folder if map_index is None else folder / f"map_index={map_index}"
    tries = [int(file.stem.removeprefix("attempt=")) for file in folder.glob("attempt=*.log")]
    number = try_number or max(tries, default=0) or api.newest_try(dag, run, task, map_index)
    report = read_report(f"{settings.reports}/{report_name(dag, run, task, number, map_index)}", settings)
    file = folder / f"attempt={number}.log"
    try:
        log = _lines_of(str(file)) if file.is_file() else api.task_log(dag, run, task, number, map_index)
    except EngineUnavailableError:
        if report is None:
            raise
        log = []  # The report says why, whether Airflow answers or not.
    has_failed = partial(_has_failed, api, dag, run, task, number, map_index)
    readout = explain_task(report, log, kernel_lines(pids_of(log)), memory_lines(), has_failed)
    return readout, _differs(settings, report, last_success(settings, dag, task))


def _has_failed(api: AirflowApi, dag: str, run: str, task: str, number: int, map_index: int | None) -> bool:
    """Whether a try of a task has failed: it is taken to have failed where Airflow does not say."""
    try:
        now = api.task(dag, run, task, -1 if map_index is None else map_index)
    except EngineUnavailableError:
        return True
    state = now.state.value if now.state else None
    return number < now.try_number or state in {"failed", "up_for_retry", "upstream_failed"}


def _differs(settings: Settings, failed: Report | None, success: Report | None) -> list[Difference]:
    now = failed.environment if failed and failed.environment else environment_of(settings)
    differs = of_environment(success, now)
    dataset = (failed or success or Report(step="", dataset="")).dataset
    if not dataset:
        return differs
    try:
        return [*differs, *since_publication(Lake.open(settings), dataset, failed)]
    except MatineeError as error:
        # The failure may be that the catalog does not answer: the read-out goes without what the catalog knows.
        return [*differs, Difference("the ledger", "was read", f"cannot be read: {error.message}")]


def _show(readout: Readout, differs: Sequence[Difference], source: str, output: str) -> None:
    facts = {
        "class": readout.kind,
        "cause": readout.cause,
        "next_step": readout.next_step,
        "retryable": readout.retryable,
        "evidence": list(readout.evidence),
        "differs": [{name: masked(text) for name, text in each._asdict().items()} for each in differs],
        "pattern": readout.pattern or None,
    }
    told = {
        "evidence": "\n".join(readout.evidence) or None,
        "differs": masked("\n".join(f"{each.what}: {each.before} ▸ {each.now}" for each in differs)) or None,
    }
    emit_one(facts if output == "json" else facts | told, output)
    if readout.kind == "unknown":
        record(file_of(load_settings()), readout.cause, source, datetime.now(UTC))
