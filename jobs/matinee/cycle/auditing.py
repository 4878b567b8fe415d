"""Auditing a change: the contract's checks and the dataset's audits on a branch, with what it read beside it."""

from datetime import timedelta

from matinee.audits.definitions import load_audits
from matinee.audits.runner import Evidence, register, run_audits, run_checks
from matinee.contracts.checks import compile_checks
from matinee.contracts.model import Contract
from matinee.cycle.inputs import input_slices, pinned_inputs
from matinee.cycle.tables import open_tables
from matinee.errors import AuditFailedError
from matinee.lake.catalog import Lake
from matinee.lake.files import Slice, data_files, day_sizes
from matinee.lake.publication import Run
from matinee.lake.statistics import proven_checks
from matinee.report import Verdict
from matinee.transforms.context import TransformContext
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
    evidence = _evidence(lake, contract, run, snapshot_id)
    own = _own_slices(run, snapshot_id)
    with open_tables(lake, [*own.values(), *input_slices(contract, run).values()]) as (session, tables):
        register({name: tables.read(wanted) for name, wanted in own.items()})
        register(pinned_inputs(tables, lake.registry, contract, run))
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


def _own_slices(run: Run, snapshot_id: int) -> dict[str, Slice]:
    before = run.first_day - timedelta(days=1)
    return {
        "candidate": Slice(run.dataset, snapshot_id, run.first_day, run.last_day),
        "history": Slice(run.dataset, snapshot_id, run.first_day - HISTORY, before),
    }


def _proven(lake: Lake, contract: Contract, own: dict[str, Slice]) -> frozenset[str]:
    wanted, table = own["candidate"], lake.table(contract.dataset)
    days = {"first": wanted.first, "last": wanted.last}
    files = data_files(table, contract.day_column or "", snapshot_id=wanted.snapshot_id, **days)
    return proven_checks(contract, table, files)


def _evidence(lake: Lake, contract: Contract, run: Run, snapshot_id: int) -> Evidence:
    sizes = day_sizes(
        lake.table(run.dataset),
        contract.day_column or "",
        snapshot_id=snapshot_id,
        first=run.first_day - HISTORY,
        last=run.last_day,
    )
    rows = sum(size.rows for day, size in sizes.items() if day >= run.first_day)
    return Evidence(rows=rows, history_days=sum(1 for day in sizes if day < run.first_day))
