"""`matinee ingest`: land files, and declare days complete."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, output_option, working
from matinee.errors import NotArchivedError, UsageError
from matinee.settings import load_settings

if TYPE_CHECKING:
    from matinee.report import Report
    from matinee.validity.manifests import Manifest


@click.command()
@click.argument("dataset", required=False)
@click.option("--from", "sources", multiple=True, metavar="PATH", help="File, directory or glob; may be repeated.")
@click.option("--close-through", type=DAY, metavar="DAY", help="Declare complete every day up to this one.")
@click.option(
    "--received-at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d"]),
    help="Landing time (UTC) of rows without one; default: now.",
)
@click.option("--rehash", is_flag=True, help="Read files that are known by their times, too; say which differ.")
@click.option(
    "--archive-to",
    metavar="DIR",
    help="Move landed files there; nothing is overwritten, and a file that stays fails the call.",
)
@output_option
@click.pass_obj
def ingest(
    has_own_process: bool | None,
    dataset: str | None,
    sources: tuple[str, ...],
    close_through: date | None,
    received_at: datetime | None,
    rehash: bool,
    archive_to: str | None,
    output: str,
) -> None:
    """Land NDJSON, NDJSON.gz or Parquet files into DATASET (default: each file by its name), then close days.

    The same bytes landed twice add nothing; of several manifests of a day the last one landed counts. Bad lines go to
    raw.quarantine with file, line and reason. The start of a file's name (impressions, plays or manifest) says
    where the file belongs.

    \b
    Example:
      matinee ingest --from landing/
      matinee ingest raw.plays --from 'landing/plays-*.jsonl.gz' --close-through 2026-03-03
      matinee ingest --from landing/ --rehash --archive-to landed/
    """
    from matinee.short_lived import leave_out

    if not sources and close_through is None:
        raise UsageError("There is nothing to do.", next_step="Give --from PATH, --close-through DAY, or both.")
    settings = load_settings()
    if has_own_process and settings.task_mode == "connect":
        leave_out()
    from matinee.contracts.registry import Registry
    from matinee.landing.ingest import close_through as close
    from matinee.landing.ingest import ingest as land
    from matinee.lineage.emission import send_events

    at = received_at.replace(tzinfo=UTC) if received_at else None
    rows, staying = [], None
    with working("landing", output):
        if sources:
            try:
                reports = land(settings, dataset, sources, at, rehash=rehash, archive_to=archive_to)
                rows = [_landed(report) for report in reports]
                send_events(settings, *reports)
            except NotArchivedError as error:  # All is landed: the days can be closed.
                staying = error
        if close_through is not None:
            rows += [_closed(manifest) for manifest in close(settings, dataset, close_through, at)]
    if rows or staying is None:
        emit(rows, output, empty="Nothing changed: every day up to that one was closed with these rows already.")
    if staying is not None:
        raise staying
    if close_through is not None and dataset is None:
        Registry.load(settings.sql_dir).require_all("Not every dataset is closed")


def _landed(report: "Report") -> dict[str, object]:
    return {
        "dataset": report.dataset,
        "file": Path(str(report.details.get("file", "-"))).name,
        "rows in": report.rows.read,
        "landed": report.rows.out,
        "quarantined": report.rows.quarantined,
        "note": report.details.get("note"),
    }


def _closed(manifest: "Manifest") -> dict[str, object]:
    return {
        "dataset": manifest.dataset,
        "file": None,
        "rows in": manifest.expected_rows,
        "landed": None,
        "quarantined": None,
        "note": f"{manifest.day} closed",
    }
