"""Commits of data files to a branch, one snapshot each, without an engine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError
from matinee.retries import again_where_lost, committed
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.lake_format import refuse_older
from matinee.table.location import refuse_foreign
from matinee.table.refs import COMMIT_TRIES, MAIN

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update.snapshot import _OverwriteFiles


def transaction(table: "Table") -> "Transaction":
    """Return a transaction that copies the table's metadata once, when it commits.

    PyIceberg 0.12 copies the metadata, with all snapshots, each time that a transaction reads them: twenty times for
    one append.
    """
    return _looking_only()(table)


@cache
def _looking_only() -> "type[Transaction]":
    from pyiceberg.table import Transaction
    from pyiceberg.table.update import _apply_table_update, _TableMetadataUpdateContext

    class LookingOnly(Transaction):
        @property
        def table_metadata(self) -> "TableMetadata":
            # Each update makes a new metadata object that shares the old object's parts; no reader changes a part.
            metadata, context = self._table.metadata, _TableMetadataUpdateContext()
            for update in self._updates:
                metadata = _apply_table_update(update, metadata, context)
            return metadata

    return LookingOnly


def replace_files(
    table: "Table",
    branch: str,
    removed: Iterable["DataFile"],
    added: Iterable["DataFile"],
    properties: Mapping[str, str],
    *,
    table_properties: Mapping[str, str] | None = None,
) -> None:
    """Remove and add data files on a branch in ONE commit that carries `properties` and sets `table_properties`.

    Raises:
        CommitConflictError: any other commit to the table came between; nothing was changed.
        CatalogUnavailableError: the catalog does not answer.
    """
    # A retry inside PyIceberg would drop the requirement on the branch.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    with commit_errors(table), transaction(table) as commit:
        overwrite = commit.update_snapshot(snapshot_properties=dict(properties), branch=branch).overwrite()
        _judge_manifests_apart(overwrite)
        with overwrite as change:
            for file in removed:
                change.delete_data_file(file)
            for file in added:
                change.append_data_file(file)
        if table_properties:
            commit.set_properties(dict(table_properties))


def append_files(table: "Table", added: Iterable["DataFile"], properties: Mapping[str, str]) -> None:
    """Add data files to `main` in one commit that carries the properties; without files there is a commit, too.

    Raises:
        CommitConflictError: any other commit to the table came between; nothing was changed.
        CatalogUnavailableError: the catalog does not answer.
    """
    # A retry inside PyIceberg would drop the requirement on `main`.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    with commit_errors(table), transaction(table) as commit:
        update = commit.update_snapshot(snapshot_properties=dict(properties))
        with update.merge_append() as append:
            for file in added:
                append.append_data_file(file)


def written_file(table: "Table", path: str) -> "DataFile":
    """Return a Parquet file with the table's columns as a data file; its footer gives statistics and partition.

    Raises:
        OSError: the file is not there.
    """
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    return parquet_file_to_data_file(table.io, table.metadata, path)


def remove_rows(table: "Table", row_filter: "BooleanExpression", properties: Mapping[str, str]) -> int:
    """Remove the rows of `main` that match a filter, in one commit that rewrites their files without these rows.

    Returns:
        The number of removed rows; where it is 0 there is no commit.

    Raises:
        CommitConflictError: any other commit to the table came between; nothing was changed.
        CatalogUnavailableError: the catalog does not answer.
    """
    from pyiceberg.expressions import AlwaysTrue, Not
    from pyiceberg.expressions.visitors import bind
    from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files, expression_to_pyarrow

    tasks = list(table.scan(row_filter).plan_files())
    if not tasks:
        return 0
    rows = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(tasks)
    kept = rows.filter(expression_to_pyarrow(bind(table.schema(), Not(row_filter), case_sensitive=True)))
    if kept.num_rows < rows.num_rows:
        added = list(_dataframe_to_data_files(table.metadata, kept, table.io)) if kept.num_rows else []
        replace_files(table, MAIN, [task.file for task in tasks], added, properties)
    return int(rows.num_rows - kept.num_rows)


def _judge_manifests_apart(overwrite: "_OverwriteFiles") -> None:
    """Give each manifest an evaluator of its own.

    PyIceberg 0.12 looks for the removed files in threads that share one evaluator, which keeps the bounds of a
    manifest in itself. A manifest that is judged by the bounds of another manifest is skipped, and its file is
    reported missing.
    """
    from pyiceberg.expressions.visitors import manifest_evaluator

    def build(spec_id: int) -> Callable[["ManifestFile"], bool]:
        spec, schema, wanted = overwrite.spec(spec_id), overwrite.schema(), overwrite.partition_filters[spec_id]

        def might_hold(manifest: "ManifestFile") -> bool:
            return manifest_evaluator(spec, schema, wanted)(manifest)

        return might_hold

    overwrite._build_manifest_evaluator = build  # type: ignore[method-assign]


def commit_nothing(lake: Lake, dataset: str, branch: str, properties: Mapping[str, str]) -> None:
    """Add a snapshot that changes no row and carries the properties to a branch.

    Raises:
        CommitConflictError: commits to the table's other references came first in every try.
    """

    def once() -> None:
        table = lake.table(dataset)
        with again_where_lost:
            replace_files(table, branch, [], [], properties)

    lost = CommitConflictError(
        f"Others committed to {dataset} first, {COMMIT_TRIES} times.",
        next_step="Run again when fewer writers are at work.",
        facts={"dataset": dataset, "reference": branch},
    )
    committed(once, lost)


@contextmanager
def commit_errors(table: "Table") -> Iterator[None]:
    """Turn PyIceberg's errors for a lost race or a lost catalog into Matinee's errors.

    Raises:
        CommitConflictError: any other commit to the table came between; nothing was changed.
        CatalogUnavailableError: the catalog does not answer.
        ForeignTableError: the table lies outside the warehouse; nothing was changed.
    """
    from pyiceberg.exceptions import CommitFailedException

    refuse_foreign(table)
    refuse_older(table.catalog)

    try:
        with catalog_errors(table.location()):
            yield
    except (CommitFailedException, ValueError) as error:
        # PyIceberg notices the other commit in the catalog, or by the sequence number of its own snapshot.
        if isinstance(error, ValueError) and "older than last sequence number" not in str(error):
            raise
        raise CommitConflictError(
            f"Another commit to {'.'.join(table.name())} came between.",
            next_step="Run again: the work starts from what is there now.",
            facts={"table": ".".join(table.name())},
        ) from error
