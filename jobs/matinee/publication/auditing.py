"""Auditing a change: the contract's checks and the dataset's audits on a branch, with what it read beside it."""

from dataclasses import replace
from datetime import timedelta

from pyspark.sql import DataFrame

from matinee.audits.definitions import load_audits
from matinee.audits.runner import Evidence, register, run_audits, run_checks
from matinee.contracts.checks import compile_checks
from matinee.contracts.model import Contract
from matinee.engine.tables.protocol import Tables, open_tables
from matinee.errors import AuditFailedError
from matinee.ledger.ledger import history
from matinee.ledger.model import REACHED, Run
from matinee.publication.inputs import few_buckets, input_slices, keeps_buckets, pinned_inputs
from matinee.report import Verdict
from matinee.table.catalog import Lake
from matinee.table.files import Slice, data_files, day_sizes, slice_files
from matinee.table.statistics import proven_checks
from matinee.transforms.context import TransformContext
from matinee.transforms.deduplication import rows_to_judge
from matinee.transforms.sql import sql_arguments

HISTORY = timedelta(days=28)


def audit_candidate(lake: Lake, run: Run, snapshot_id: int, *, only_cross_day: bool = False) -> tuple[Verdict, ...]:
    """Judge the days of a run as they stand at a snapshot: of its branch, of a replayed one, or of `main`.

    Returns:
        One verdict a check and audit; nothing is raised for a failure.
    """
    contract = lake.registry.get(run.dataset).with_parameters(run.parameters)
    audits = [audit for audit in load_audits(contract) if audit.cross_day or not only_cross_day]
    if only_cross_day and not audits:
        return ()
    arguments = sql_arguments(TransformContext(contract, run.first_day, run.last_day, run.as_of))
    own = _own_slices(lake, contract, run, snapshot_id)
    evidence = _evidence(lake, contract, own)
    read = [*map(_whole, own.values()), *input_slices(lake.registry, contract, run).values()]
    with open_tables(lake, read) as (session, tables):
        register(_views(lake, tables, contract, run, own))
        checks = () if only_cross_day else run_checks(session, compile_checks(contract, _proven(lake, contract, own)))
        return (*checks, *run_audits(session, audits, arguments, evidence))


def raise_on_block(run: Run, verdicts: tuple[Verdict, ...]) -> None:
    """Stop a run whose blocking audits found bad rows.

    Raises:
        AuditFailedError: naming the audits, their bad rows and a look at them.
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


def _whole(one: Slice) -> Slice:
    return replace(one, buckets=None)


def _views(lake: Lake, tables: Tables, contract: Contract, run: Run, own: dict[str, Slice]) -> dict[str, DataFrame]:
    """Return the frames that audits know, by name.

    Where few buckets come from landed rows, which know none, the landed rows are cut to those that can tell whether the
    buckets are right, and rows of other buckets stand beside the buckets' own where they have the same ids.
    """
    inputs = pinned_inputs(tables, lake.registry, contract, run)
    if not few_buckets(contract, run):
        return {name: tables.read(wanted) for name, wanted in own.items()} | inputs
    judged, through = run.buckets or (), _judged_through(lake, contract, run)
    inputs = {name: rows_to_judge(rows, judged, through, contract) for name, rows in inputs.items()}
    candidate = _with_namesakes(tables, contract, own["candidate"], inputs[contract.inputs[0].alias])
    return {"candidate": candidate, "history": _with_namesakes(tables, contract, own["history"], candidate)} | inputs


def _with_namesakes(tables: Tables, contract: Contract, own: Slice, of: DataFrame) -> DataFrame:
    """Return the rows of a slice and those of its days' other buckets that have an id of the given rows, if any."""
    identity = contract.key_columns[0]
    others = tuple(bucket for bucket in range(contract.profile_buckets or 1) if bucket not in (own.buckets or ()))
    rows = tables.read(own)
    namesakes = tables.read(replace(own, buckets=others)).join(of.select(identity), on=identity, how="left_semi")
    # Asked first: mostly there are none, and each audit would look for them again.
    return rows if namesakes.isEmpty() else rows.unionByName(namesakes.select(*rows.columns))


def _judged_through(lake: Lake, contract: Contract, run: Run) -> int:
    """Return the landing number through which landed rows were judged when the day was published before this run."""
    known = history(lake, run.dataset).by_day.get(run.first_day, ())
    before = [one for one in known if one.state in REACHED and one.publication_id != run.publication_id]
    newest = max(before, key=lambda one: one.head_sequence_number or 0, default=None)
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
