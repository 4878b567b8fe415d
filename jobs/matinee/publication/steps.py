"""The write-audit-publish cycle: three steps that share nothing but the lake.

Each step reads what it needs from the audit branch: the run (pins, days, parameters) is in the summary of the branch's
only snapshot. So a step may run in another process, on another machine, or again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Annotated

from matinee import faults
from matinee.days import parse_day
from matinee.errors import DroppedError, StaleInputsError, UsageError, WithdrawnError
from matinee.ledger import pins
from matinee.ledger.ledger import History, history
from matinee.ledger.model import PUBLICATION_ID, REACHED, Publication, Run, State
from matinee.ledger.model import publication_id as identify
from matinee.ledger.recovery import recover
from matinee.publication.auditing import audit_across_days, audit_candidate, raise_on_block
from matinee.publication.counting import require_complete, rows_by_day, total
from matinee.publication.deriving import derive
from matinee.publication.move import move_to_main
from matinee.publication.plan import plan
from matinee.publication.record import finish, give_up, prepare
from matinee.publication.request import RunRequest
from matinee.report import Report, Rows, Verdict, timed
from matinee.settings import Settings
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.validity.validity import Validity

REWRITES = 3


def write(settings: Settings, request: RunRequest) -> Report:
    """Derive the days of a run and write them to its audit branch in one commit; `main` does not move.

    Raises:
        InputsNotValidError: an input day that the run reads is not valid yet.
        NotCompleteError: without its repeats a landed day has too few rows; the branch is removed.
        SnapshotGoneError: a pinned snapshot has expired.
        UnknownDatasetError, UsageError, EngineUnavailableError, EngineFailedError: see there.
    """
    seconds = dict[str, float]()
    lake = Lake.open(settings)
    with timed(seconds, "plan"):
        recover(lake, lake.registry.get(request.dataset).dataset)
        planned = plan(lake, request)
    with timed(seconds, "write"), _pins_end_with_an_error(lake, planned.run):
        derive(lake, planned)
    faults.reach("write.after_commit")
    look = lake.one_look()
    written = refs.head(look.table(request.dataset), planned.branch)
    rows = rows_by_day(look, planned.run, written)
    if request.experiment is None:
        with _pins_end_with_an_error(lake, planned.run):
            require_complete(lake, planned.run, written, rows)
    return _report("write", planned.run, planned.branch, written, rows, seconds)


def write_key(
    settings: Settings,
    dataset: str,
    key: Annotated[str, "the event day, YYYY-MM-DD"],
    attempt: Annotated[str, "distinguishes the attempts at a key"],
) -> Report:
    """Derive the day of a dataset and write it to a branch of its own."""
    day = parse_day(key)
    return write(settings, RunRequest(dataset, day, day, attempt=attempt))


def audit(settings: Settings, dataset: str, publication_id: Annotated[str, "what `write` reported"]) -> Report:
    """Judge what stands on the audit branch; a pass is recorded as PREPARED, with every verdict.

    A publication that is on `main` already is not judged again: its recorded verdicts are returned.

    Raises:
        AuditFailedError: a blocking audit found bad rows; the branch is kept, the verdicts are in the ledger.
        UsageError: there is no such branch, or nothing was written to it.
    """
    seconds = dict[str, float]()
    lake = Lake.open(settings)
    look = lake.one_look()
    known = tuple(
        publication for publication in history(look, dataset).find(publication_id) if publication.state in REACHED
    )
    if known:
        return _published_report(lake, "audit", known)
    run, audited = _written(look, dataset, f"{names.AUDIT}{publication_id}", publication_id)
    with timed(seconds, "audit"):
        judged = audit_candidate(look, run, audited)
    faults.reach("audit.after_verdicts")
    with timed(seconds, "ledger"):
        rows = rows_by_day(look, run, audited)
        prepare(lake, run, audited, judged, rows)
    faults.reach("audit.after_prepared")
    with _pins_end_with_an_error(lake, run):
        raise_on_block(run, judged.verdicts)
    report = _report("audit", run, run.branch, audited, rows, seconds)
    return report.model_copy(update={"verdicts": judged.verdicts})


def publish(settings: Settings, dataset: str, publication_id: Annotated[str, "what `write` reported"]) -> Report:
    """Move an audited change to `main` and record it; where it went stale, write and audit it again first.

    Raises:
        WithdrawnError: one of its days was withdrawn after the run began.
        DroppedError: one of its days was dropped after the run began.
        StaleInputsError: it went stale in each of several tries.
        AuditFailedError: the change that was written again failed an audit.
        UsageError: it was never prepared, or was abandoned.
    """
    seconds = dict[str, float]()
    lake = Lake.open(settings)
    for tries_left in reversed(range(REWRITES)):
        look = history(lake, dataset)
        prepared = _prepared(look, publication_id)
        try:
            with timed(seconds, "publish"):
                published = move_to_main(lake, prepared.run, partial(_audit_again, lake, prepared.run), look)
            break
        except (DroppedError, WithdrawnError) as error:
            give_up(lake, prepared.run, error.message)
            raise
        except StaleInputsError:
            if not tries_left:
                raise
            with timed(seconds, "rewrite"):
                write(settings, _request_of(lake, prepared.run, publication_id))
                audit(settings, dataset, publication_id)
    with timed(seconds, "ledger"):
        records = finish(lake, prepared.run, published)
    return _published_report(lake, "publish", records).model_copy(
        update={"replayed": published.replayed, "seconds": seconds}
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
    seconds: Counter[str] = Counter()
    for step in (written, audited, published):
        seconds.update(step.seconds)
    return published.model_copy(update={"seconds": dict(seconds)})


@contextmanager
def _pins_end_with_an_error(lake: Lake, run: Run) -> Iterator[None]:
    """Release the pins of a run that fails here: another try pins its inputs again."""
    try:
        yield
    except Exception:
        pins.release(lake, run.publication_id, run.pinned)
        raise


def _judge_experiment(settings: Settings, written: Report) -> Report:
    seconds = dict[str, float]()
    lake = Lake.open(settings)
    experiment, snapshot_id = _written(lake, written.dataset, written.branch or "", written.publication_id or "")
    try:
        with timed(seconds, "audit"):
            verdicts = audit_candidate(lake, experiment, snapshot_id).verdicts
    finally:
        pins.release(lake, experiment.publication_id, experiment.pinned)
    return written.model_copy(
        update={"step": "experiment", "verdicts": verdicts, "seconds": {**written.seconds, **seconds}}
    )


def _written(lake: Lake, dataset: str, branch: str, publication_id: str) -> tuple[Run, int]:
    """Return the run that was written to a branch, and the snapshot that it wrote.

    Raises:
        UsageError: there is no such branch, or it still points at the snapshot that it was made from.
    """
    table = lake.table(dataset)
    head = refs.reference(table, branch)
    summary = summary_of(table, head) if head is not None else {}
    if head is None or summary.get(PUBLICATION_ID) != publication_id:
        raise UsageError(
            f"{publication_id} was not written to branch '{branch}' of {dataset}.",
            next_step="Write it first: `matinee run` does all steps.",
            facts={"dataset": dataset, "branch": branch},
        )
    return Run.from_summary(summary), head


def _prepared(look: History, publication_id: str) -> Publication:
    known = look.prepared(publication_id)
    if known is None or known.state is State.ABANDONED:
        raise UsageError(
            f"{publication_id} of {look.dataset} was not prepared.",
            next_step="Run its write and audit steps first; `matinee publications show` tells what became of it.",
            facts={"dataset": look.dataset, "publication_id": publication_id},
        )
    return known


def _audit_again(lake: Lake, run: Run, snapshot_id: int) -> tuple[Verdict, ...]:
    verdicts = audit_across_days(lake, run, snapshot_id)
    raise_on_block(run, verdicts)
    return verdicts


def _request_of(lake: Lake, run: Run, publication_id: str) -> RunRequest:
    first, _, last = run.key.partition("_")
    attempt = publication_id.removeprefix(identify(run.dataset, run.key, ""))
    base = refs.sequence(lake.table(run.dataset), run.base_snapshot_id)
    began = base if run.began is None else run.began
    return RunRequest(
        run.dataset, parse_day(first), parse_day(last or first), attempt=attempt, heal=run.heal, began=began
    )


def _report(
    step: str, run: Run, branch: str, snapshot_id: int, rows: Mapping[date, Rows], seconds: dict[str, float]
) -> Report:
    return Report(
        step=step,
        dataset=run.dataset,
        key=run.key,
        publication_id=run.publication_id,
        days=tuple(sorted(rows)),
        branch=branch,
        snapshot_id=snapshot_id,
        rows=total(rows.values()),
        details=_details(run),
        seconds=seconds,
    )


def _published_report(lake: Lake, step: str, records: tuple[Publication, ...]) -> Report:
    first = records[0]
    return Report(
        step=step,
        dataset=first.run.dataset,
        key=first.run.key,
        publication_id=first.publication_id,
        days=tuple(sorted(publication.day for publication in records)),
        branch=refs.MAIN,
        snapshot_id=first.head_snapshot_id,
        rows=total(publication.rows for publication in records),
        verdicts=first.verdicts,
        replayed=first.replayed,
        details=_details(first.run) | _healed(first),
        vtts=Validity(lake).vtts(first.run.dataset).vtts,
    )


def _details(run: Run) -> dict[str, str | int]:
    """Return whether a run derived all rows or started from its predecessor, and why, where its contract has one."""
    return {"way": run.way, "why": run.why} if run.way else {}


def _healed(publication: Publication) -> dict[str, str | int]:
    """Return the buckets that a heal derived again, and the buckets whose rows changed."""
    if publication.run.buckets is None:
        return {}
    named = {"buckets": publication.run.buckets, "changed": publication.changed or ()}
    return {name: ", ".join(map(str, buckets)) or "none" for name, buckets in named.items()}
