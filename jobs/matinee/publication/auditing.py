"""Auditing a change: the contract's checks and the dataset's audits on a branch, with the inputs of the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession

from matinee.audits.definitions import Audit, load_audits
from matinee.audits.runner import Evidence, register, run_audits, run_checks
from matinee.contracts.checks import compile_checks
from matinee.contracts.model import Contract
from matinee.contracts.stamps import EMPTY, Stamps
from matinee.engine.tables.protocol import Tables, open_tables
from matinee.errors import AuditFailedError
from matinee.ledger.ledger import history
from matinee.ledger.model import REACHED, Run
from matinee.publication.inputs import HISTORY, few_buckets, input_slices, keeps_buckets, pinned_inputs
from matinee.publication.terms import contract_of
from matinee.report import Verdict
from matinee.table.catalog import Lake
from matinee.table.files import Slice, data_files, day_sizes, slice_files
from matinee.table.statistics import proven_checks
from matinee.transforms.context import TransformContext
from matinee.transforms.deduplication import rows_to_judge
from matinee.transforms.sql import sql_arguments


@dataclass(frozen=True)
class Judged:
    """One verdict for each check and audit, and by day the stamps of the cells that the run wrote."""

    verdicts: tuple[Verdict, ...]
    stamps: Mapping[date, Stamps]


def audit_candidate(lake: Lake, run: Run, snapshot_id: int) -> Judged:
    """Judge the days of a run as they stand at a snapshot of its branch, or of `main`; no failure is raised."""
    lake = lake.one_look()
    contract = contract_of(lake, run)
    with _audited(lake, contract, run, snapshot_id) as (session, audit, own):
        checked = run_checks(session, compile_checks(contract, _proven(lake, contract, own)))
        verdicts = (*checked.verdicts, *audit(load_audits(contract)))
    return Judged(verdicts, {day: _written(contract, run, checked.stamps.get(day, {})) for day in run.days})


def audit_across_days(lake: Lake, run: Run, snapshot_id: int) -> tuple[Verdict, ...]:
    """Judge a replayed change by the audits that look at other days, too: other days may have changed since."""
    contract = contract_of(lake, run)
    audits = [audit for audit in load_audits(contract) if audit.cross_day]
    if not audits:
        return ()
    with _audited(lake.one_look(), contract, run, snapshot_id) as (_, audit, _):
        return audit(audits)


@contextmanager
def _audited(
    lake: Lake, contract: Contract, run: Run, snapshot_id: int
) -> Iterator[tuple[SparkSession, Callable[[Sequence[Audit]], tuple[Verdict, ...]], dict[str, Slice]]]:
    """Open what audits read; yield the session, a function that runs audits, and the slices of the dataset itself."""
    arguments = sql_arguments(TransformContext(contract, run.first_day, run.last_day, run.as_of))
    own = _own_slices(lake, contract, run, snapshot_id)
    evidence = _evidence(lake, contract, own)
    whole = (replace(wanted, buckets=None) for wanted in own.values())
    read = [*whole, *input_slices(lake.registry, contract, run).values()]
    with open_tables(lake, read) as (session, tables):
        register(_views(lake, tables, contract, run, own))
        yield session, lambda audits: run_audits(session, audits, arguments, evidence), own


def _written(contract: Contract, run: Run, stamps: Stamps) -> Stamps:
    """Return the stamps of all cells of a day that a run wrote, also of cells without rows."""
    every: tuple[int | None, ...] = tuple(range(contract.cells.buckets)) if contract.bucketed else (None,)
    return {bucket: stamps.get(bucket, EMPTY) for bucket in (every if run.buckets is None else run.buckets)}


def raise_on_block(run: Run, verdicts: tuple[Verdict, ...]) -> None:
    """Stop a run whose blocking audits found bad rows.

    Raises:
        AuditFailedError: naming the audits, the number of their bad rows, and where to see them.
    """
    failed = [verdict for verdict in verdicts if verdict.blocks]
    if not failed:
        return
    named = ", ".join(f"{verdict.audit} ({verdict.bad_rows} bad rows)" for verdict in failed)
    raise AuditFailedError(
        f"{run.dataset} {run.key} failed {named}; main is untouched.",
        next_step=f"`matinee publications show {run.publication_id}` has samples; "
        f"the rows are in {run.dataset}.branch_{run.branch}.",
        facts={
            "dataset": run.dataset,
            "key": run.key,
            "publication_id": run.publication_id,
            "audits": [verdict.audit for verdict in failed],
            "samples": {verdict.audit: verdict.sample for verdict in failed},
        },
    )


def _own_slices(lake: Lake, contract: Contract, run: Run, snapshot_id: int) -> dict[str, Slice]:
    before = run.first_day - timedelta(days=1)
    by_bucket = keeps_buckets(lake.registry, contract) or few_buckets(contract, run)
    buckets = run.buckets if by_bucket else None
    return {
        "candidate": Slice(run.dataset, snapshot_id, run.first_day, run.last_day, buckets),
        "history": Slice(run.dataset, snapshot_id, run.first_day - HISTORY, before, buckets),
    }


def _views(lake: Lake, tables: Tables, contract: Contract, run: Run, own: dict[str, Slice]) -> dict[str, DataFrame]:
    """Return the frames that audits read, by name.

    Where a run derives few buckets from landed rows, which are in no buckets, the landed rows are cut to those that
    decide whether the buckets are right, and the rows of other buckets that have the same ids are added.
    """
    inputs = pinned_inputs(tables, lake.registry, contract, run)
    if not few_buckets(contract, run):
        return {name: tables.read(wanted) for name, wanted in own.items()} | inputs
    judged, through = run.buckets or (), _judged_through(lake, contract, run)
    inputs = {name: rows_to_judge(rows, judged, through, contract) for name, rows in inputs.items()}
    candidate = _with_namesakes(tables, contract, own["candidate"], inputs[contract.inputs[0].alias])
    return {"candidate": candidate, "history": _with_namesakes(tables, contract, own["history"], candidate)} | inputs


def _with_namesakes(tables: Tables, contract: Contract, own: Slice, of: DataFrame) -> DataFrame:
    """Return the rows of a slice, and the rows of other buckets of its days that share an id with the given rows."""
    key = list(contract.key_columns)
    others = tuple(bucket for bucket in range(contract.cells.buckets) if bucket not in (own.buckets or ()))
    rows = tables.read(own)
    namesakes = tables.read(replace(own, buckets=others)).join(of.select(key), on=key, how="left_semi")
    # Checked first: mostly there are none, and each audit would run the join again.
    return rows if namesakes.isEmpty() else rows.unionByName(namesakes.select(*rows.columns))


def _judged_through(lake: Lake, contract: Contract, run: Run) -> int:
    """Return the landing number through which landed rows were judged when the day was published before this run."""
    known = history(lake, run.dataset).by_day.get(run.first_day, ())
    before = [record for record in known if record.state in REACHED and record.publication_id != run.publication_id]
    newest = max(before, key=lambda record: record.head_sequence_number or 0, default=None)
    return newest.run.pin(contract.inputs[0].dataset).landing_seq or 0 if newest else 0


def _proven(lake: Lake, contract: Contract, own: dict[str, Slice]) -> frozenset[str]:
    wanted, table = own["candidate"], lake.table(contract.dataset)
    days = {"first": wanted.first, "last": wanted.last}
    files = data_files(table, contract.day_column or "", snapshot_id=wanted.snapshot_id, **days)
    return proven_checks(contract, table, files)


def _evidence(lake: Lake, contract: Contract, own: dict[str, Slice]) -> Evidence:
    table, day_column = lake.table(contract.dataset), contract.day_column or ""
    rows = sum(file.record_count for file in slice_files(table, day_column, own["candidate"]))
    earlier = own["history"]
    days = day_sizes(table, day_column, snapshot_id=earlier.snapshot_id, first=earlier.first, last=earlier.last)
    return Evidence(rows=rows, history_days=len(days))
