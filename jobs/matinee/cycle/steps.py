"""The write-audit-publish cycle: three steps that share nothing but the lake.

Each step finds what it needs on the audit branch: the run (pins, days, parameters) stands in the summary of the one
snapshot there. So a step may run in another process, on another machine, or again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from matinee import faults
from matinee.cycle.auditing import audit_candidate, raise_on_block
from matinee.cycle.counting import rows_by_day, total
from matinee.cycle.plan import Plan, plan
from matinee.cycle.publishing import finish, prepare
from matinee.cycle.request import RunRequest
from matinee.days import parse_day
from matinee.engine.session import spark_session
from matinee.errors import StaleInputsError, UsageError
from matinee.io.tables import overwrite_days, read
from matinee.lake import refs
from matinee.lake.catalog import Lake, summary_of
from matinee.lake.ledger import history
from matinee.lake.publication import PUBLICATION_ID, Run, State
from matinee.lake.publication import publication_id as identify
from matinee.lake.publish import move_to_main
from matinee.lake.recovery import recover
from matinee.lake.validity import Validity
from matinee.report import Report
from matinee.settings import Settings
from matinee.transforms import TransformContext, transform_of

REWRITES = 3


class Clock:
    """Seconds of the parts of a step, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a block."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 3)


def write(settings: Settings, request: RunRequest) -> Report:
    """Derive the days of a run and write them to its audit branch in one commit; `main` does not move.

    Raises:
        InputsNotValidError: an input day that the run reads is not valid yet.
        UnknownDatasetError, UsageError, EngineUnavailableError, EngineFailedError: see there.
    """
    clock = Clock()
    lake = Lake.open(settings)
    with clock.part("plan"):
        recover(lake, request.dataset)
        planned = plan(lake, request)
    with clock.part("write"):
        _derive(lake, planned)
    faults.reach("write.after_commit")
    table = lake.table(request.dataset)
    return _report(lake, "write", planned.run, planned.branch).model_copy(
        update={"snapshot_id": refs.head(table, planned.branch), "seconds": clock.seconds}
    )


def _derive(lake: Lake, planned: Plan) -> None:
    contract, run, settings = planned.contract, planned.run, lake.settings
    with spark_session(settings) as spark:
        inputs = {}
        for spec in contract.inputs:
            upstream = lake.registry.get(spec.dataset)
            first, last = contract.input_days(spec, run.first_day, run.last_day)
            pin = run.pin(spec.dataset)
            column = upstream.day_column or ""
            frame = read(spark, settings, spec.dataset, pin.snapshot_id, column, first, last)
            if spec.optional:
                frame = frame.where(frame[column].isin(sorted(pin.days)))
            inputs[spec.alias] = frame
        context = TransformContext(contract, run.first_day, run.last_day, run.as_of)
        derived = transform_of(contract)(inputs, context)
        overwrite_days(
            derived,
            settings,
            contract.dataset,
            planned.branch,
            contract.day_column or "",
            run.first_day,
            run.last_day,
            run.to_summary(),
        )


def audit(settings: Settings, dataset: str, publication_id: str) -> Report:
    """Judge what stands on the audit branch; a pass is recorded as PREPARED, with every verdict.

    Raises:
        AuditFailedError: a blocking audit found bad rows; the branch is kept, the verdicts are in the ledger.
        UsageError: there is no such branch.
    """
    clock = Clock()
    lake = Lake.open(settings)
    run = find_run(lake, dataset, publication_id)
    with clock.part("audit"):
        verdicts = audit_candidate(lake, run, run.branch)
    faults.reach("audit.after_verdicts")
    with clock.part("ledger"):
        prepare(lake, run, verdicts)
    faults.reach("audit.after_prepared")
    raise_on_block(run, verdicts)
    return _report(lake, "audit", run, run.branch).model_copy(update={"verdicts": verdicts, "seconds": clock.seconds})


def publish(settings: Settings, dataset: str, publication_id: str) -> Report:
    """Move an audited change to `main` and record it; where it went stale, write and audit it again first.

    Raises:
        StaleInputsError: it went stale each of several times.
        AuditFailedError: what was written again failed an audit.
    """
    clock = Clock()
    lake = Lake.open(settings)
    for tries_left in reversed(range(REWRITES)):
        run = _prepared_run(lake, dataset, publication_id)
        try:
            with clock.part("publish"):
                published = move_to_main(lake, run, partial(_audit_again, lake, run))
            break
        except StaleInputsError:
            if not tries_left:
                raise
            with clock.part("rewrite"):
                write(settings, _request_of(run, publication_id))
                audit(settings, dataset, publication_id)
    with clock.part("ledger"):
        records = finish(lake, run, published)
    vtts = Validity(lake).vtts(dataset).vtts
    return _report(lake, "publish", run, "main").model_copy(
        update={
            "snapshot_id": published.snapshot_id,
            "replayed": published.replayed,
            "verdicts": records[0].verdicts,
            "vtts": vtts,
            "seconds": clock.seconds,
        }
    )


def run(settings: Settings, request: RunRequest) -> Report:
    """Write, audit and publish in one process; an experiment ends after the audit and leaves `main` alone.

    Raises:
        MatineeError: what the steps raise.
    """
    written = write(settings, request)
    if request.experiment is not None:
        return _judge_experiment(settings, written)
    identity = written.publication_id or ""
    audited = audit(settings, request.dataset, identity)
    published = publish(settings, request.dataset, identity)
    return published.model_copy(update={"seconds": {**written.seconds, **audited.seconds, **published.seconds}})


def _judge_experiment(settings: Settings, written: Report) -> Report:
    clock = Clock()
    lake = Lake.open(settings)
    branch = written.branch or ""
    experiment = _run_on(lake, written.dataset, branch)
    with clock.part("audit"):
        verdicts = audit_candidate(lake, experiment, branch)
    return written.model_copy(
        update={"step": "experiment", "verdicts": verdicts, "seconds": {**written.seconds, **clock.seconds}}
    )


def find_run(lake: Lake, dataset: str, publication_id: str) -> Run:
    """Return the run that waits on an audit branch.

    Raises:
        UsageError: there is no such branch, or nothing was written to it.
    """
    return _run_on(lake, dataset, f"audit_{publication_id}")


def _run_on(lake: Lake, dataset: str, branch: str) -> Run:
    table = lake.table(dataset)
    found = refs.reference(table, branch)
    summary = summary_of(table, found) if found is not None else {}
    if PUBLICATION_ID not in summary:
        raise UsageError(
            f"{dataset} has no written branch '{branch}'.",
            next_step="Write it first: `matinee run` does all steps.",
            facts={"dataset": dataset, "branch": branch},
        )
    return Run.from_summary(summary)


def _prepared_run(lake: Lake, dataset: str, publication_id: str) -> Run:
    """Return the run of a publication that passed its audits: from its branch, else (already published) the ledger."""
    known = history(lake, dataset).find(publication_id)
    if not known or known[0].state is State.ABANDONED:
        raise UsageError(
            f"{publication_id} of {dataset} was not prepared.",
            next_step="Run its write and audit steps first; `matinee publications show` tells what became of it.",
            facts={"dataset": dataset, "publication_id": publication_id},
        )
    if refs.reference(lake.table(dataset), known[0].run.branch) is None:
        return known[0].run
    return find_run(lake, dataset, publication_id)


def _audit_again(lake: Lake, run: Run, branch: str) -> None:
    raise_on_block(run, audit_candidate(lake, run, branch, only_cross_day=True))


def _request_of(run: Run, publication_id: str) -> RunRequest:
    first, _, last = run.key.partition("_")
    attempt = publication_id.removeprefix(identify(run.dataset, run.key, ""))
    return RunRequest(run.dataset, parse_day(first), parse_day(last or first), attempt=attempt)


def _report(lake: Lake, step: str, run: Run, branch: str) -> Report:
    rows = rows_by_day(lake, run, branch)
    return Report(
        step=step,
        dataset=run.dataset,
        key=run.key,
        publication_id=run.publication_id,
        days=tuple(sorted(rows)),
        branch=branch,
        rows=total(rows.values()),
    )
