"""Compaction beside other writers: cells of many files are rewritten into few, slice by slice, each proven on its own.

A slice is some cells of one day that nobody else is at work on (`ledger.open_branches`), so few that the slice should
be done before others commit again (`maintenance.slices`). Compaction rewrites a slice on a branch, proves that its rows
are the same, records the proof, and only then moves `main` to the branch, or not at all. Where `main` moved meanwhile,
the slice is compacted again on the new `main`. A kill leaves at most a branch, and the record of a compaction that
`main` never had.
"""

import logging
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from matinee import faults, retries
from matinee.contracts.model import Contract
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_procedures import rewrite_slice, row_hashes
from matinee.engine.tables.spark_tables import CatalogTables
from matinee.errors import CommitConflictError, ConservationError
from matinee.ledger import compactions
from matinee.ledger.compactions import Compaction
from matinee.maintenance.cells import free_cells, plan_compaction
from matinee.maintenance.slices import PlannedSlice
from matinee.report import Report, timed
from matinee.settings import Settings
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.files import Slice, files_of, slice_files
from matinee.table.registers import gather
from matinee.table.snapshots import changed_files

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
TRIES = 3


def compact(settings: Settings, dataset: str) -> Report:
    """Rewrite the cells of a dataset that are worth it, best first; cells with an open branch are left alone.

    In datasets that are not kept by day, such as registers and the quarantine, small files are gathered
    (`table.registers`). A slice is given up if `main` moved during each of its tries: the next night plans it again.

    Raises:
        ConservationError: the rows of a slice are not the same after the rewrite; `main` did not move.
        CommitConflictError: others kept committing to a dataset that is not kept by day.
    """
    lake = Lake.open(settings)
    contract = lake.registry.get(dataset)
    if not lake.exists(dataset):
        return _report(dataset, [], 0)
    if contract.day_column is None:
        before, after = gather(lake, dataset)
        return Report(step="compact", dataset=dataset, details={"files_before": before, "files_after": after})
    planned = plan_compaction(lake, contract)
    if not planned:
        return _report(dataset, [], 0)
    done, given_up = [], 0
    with spark_session(settings) as spark:
        for wanted in planned:
            try:
                compaction = compact_slice(spark, lake, contract, wanted)
            except CommitConflictError as error:
                log.warning("%s", error)
                given_up += 1
            else:
                done += [compaction] if compaction else []
    return _report(dataset, done, given_up)


def _report(dataset: str, done: list[Compaction], given_up: int) -> Report:
    details: dict[str, str | int] = {
        "slices": len(done),
        "cells": sum(len(compaction.cells) for compaction in done),
        "files_before": sum(compaction.files_before for compaction in done),
        "files_after": sum(compaction.files_after for compaction in done),
        "bytes_before": sum(compaction.bytes_before for compaction in done),
        "bytes_after": sum(compaction.bytes_after for compaction in done),
        "given_up": given_up,
    }
    days = tuple(sorted({compaction.day for compaction in done}))
    seconds = {"rewrite": round(sum(compaction.seconds for compaction in done), 3)}
    return Report(step="compact", dataset=dataset, days=days, details=details, seconds=seconds)


def compact_slice(spark: SparkSession, lake: Lake, contract: Contract, wanted: PlannedSlice) -> Compaction | None:
    """Rewrite a slice and move `main` to it; return None where none of its cells is free or worth it any more.

    Raises:
        CommitConflictError: `main` moved during each of several tries.
        ConservationError: see `compact`; the branch stays.
    """
    branch = f"{names.COMPACT}{contract.dataset.replace('.', '_')}_{wanted.day:%Y%m%d}"

    def once() -> Compaction | None:
        now = [
            cell
            for cell in free_cells(lake, contract, wanted.day)
            if cell.saved and (wanted.buckets is None or cell.bucket in wanted.buckets)
        ]
        if not now:
            return None
        with retries.again_where_lost:
            try:
                return _attempt(spark, lake, contract, PlannedSlice(wanted.day, tuple(now)), branch)
            except CommitConflictError:
                refs.let_go(lake.table(contract.dataset), branch)
                raise

    lost = CommitConflictError(
        f"main of {contract.dataset} moved during each of {TRIES} tries to compact {wanted.day}.",
        next_step="Nothing: the next compaction finds it again.",
        facts={"dataset": contract.dataset, "day": wanted.day},
    )
    return retries.committed(once, lost, TRIES)


def _attempt(spark: SparkSession, lake: Lake, contract: Contract, wanted: PlannedSlice, branch: str) -> Compaction:
    refs.let_go(lake.table(contract.dataset), branch)
    table = lake.table(contract.dataset)
    main = refs.head(table)
    refs.create_branch(table, branch, main)
    faults.reach("compact.after_branch")
    compaction = _rewrite_and_prove(spark, lake, contract, wanted, branch, main)
    compactions.record(lake, compaction)
    faults.reach("compact.after_record")
    refs.publish_snapshot(lake.table(contract.dataset), compaction.snapshot_id, expected=main)
    faults.reach("compact.after_move")
    refs.let_go(lake.table(contract.dataset), branch)
    return compaction


def _rewrite_and_prove(
    spark: SparkSession, lake: Lake, contract: Contract, wanted: PlannedSlice, branch: str, main: int
) -> Compaction:
    seconds = dict[str, float]()
    dataset, column = contract.dataset, contract.day_column or ""
    tables, by = CatalogTables(spark, lake), contract.cells.column if contract.bucketed else None
    old = Slice(dataset, main, wanted.day, wanted.day, wanted.buckets)
    with timed(seconds, "compact"):
        before = row_hashes(tables.read(old), by)
        rewrite_slice(spark, lake.settings, branch, contract, old)
        faults.reach("compact.after_rewrite")
        table = lake.table(dataset)
        new = Slice(dataset, refs.head(table, branch), wanted.day, wanted.day, wanted.buckets)
        after = row_hashes(tables.read(new), by)
    _refuse_others(table, old, new, branch)
    _refuse_changes(table, column, new, branch, before, after)
    sizes_before, sizes_after = (
        [file.file_size_in_bytes for file in slice_files(table, column, state)] for state in (old, new)
    )
    return Compaction(
        dataset=dataset,
        day=wanted.day,
        cells=after,
        files_before=len(sizes_before),
        files_after=len(sizes_after),
        bytes_before=sum(sizes_before),
        bytes_after=sum(sizes_after),
        seconds=seconds["compact"],
        snapshot_id=new.snapshot_id,
    )


def _refuse_others(table: "Table", old: Slice, new: Slice, branch: str) -> None:
    snapshot = table.metadata.snapshot_by_id(new.snapshot_id)
    if snapshot is None or snapshot.parent_snapshot_id != old.snapshot_id:
        raise CommitConflictError(
            f"Branch {branch} of {old.dataset} is not one commit after {old.snapshot_id}.",
            next_step="Let one compaction of a dataset run at a time.",
            facts={"dataset": old.dataset, "reference": branch},
        )


def _refuse_changes(
    table: "Table",
    column: str,
    new: Slice,
    branch: str,
    before: dict[int | None, tuple[int, str]],
    after: dict[int | None, tuple[int, str]],
) -> None:
    changed = changed_files(table, new.snapshot_id)
    outside = len(changed) - len(list(files_of(table, column, changed, new)))
    cells = [bucket for bucket in before.keys() | after.keys() if before.get(bucket) != after.get(bucket)]
    if not cells and not outside:
        return
    rows = [sum(count for count, _ in hashes.values()) for hashes in (before, after)]
    raise ConservationError(
        f"Compaction changed {new.dataset} {new.first}: {rows[0]} rows before, {rows[1]} after, or other values, "
        f"in {len(cells)} cells; {outside} files of other cells.",
        next_step=f"main is untouched; compare it with branch {branch}.",
        facts={"dataset": new.dataset, "day": new.first, "before": before, "after": after},
    )
