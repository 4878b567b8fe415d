"""Events of OpenLineage for a tick of the stream: what was landed since it began, and how far each live table followed.

The commits of the tables say all of that: a live table's newest commit has the landing numbers that it read up to.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING

from openlineage.client.event_v2 import InputDataset, RunEvent

from matinee.landing.landed_files import landings_of
from matinee.landing.model import landing_in
from matinee.lineage.events import output_of, run_event, version
from matinee.live.groups import groups
from matinee.live.progress import Progress, is_progress
from matinee.report import Report, Rows
from matinee.table import refs
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

#: The detail of a report that says when a tick began, as ISO 8601.
SINCE = "since"


def streamed(lake: Lake, report: Report, at: datetime) -> list[RunEvent]:
    """Return the events for the report of a tick; without the detail `since` nothing was done.

    Args:
        lake: where the commits are.
        report: of the step `stream`.
        at: the time of the events.
    """
    if report.error is not None:
        return [run_event(report, f"stream:{at.isoformat()}", at, "stream", [], [])]
    since = report.details.get(SINCE)
    if since is None:
        return []
    begun = datetime.fromisoformat(str(since))
    known = groups(lake)
    sources = dict.fromkeys(source for group in known for source in group.sources)
    tables = [table for group in known for table in group.tables]
    landed = [event for source in sources if lake.exists(source) for event in _landed(lake, source, begun, at)]
    return landed + [event for table in tables if lake.exists(table) for event in _followed(lake, table, begun, at)]


def _landed(lake: Lake, dataset: str, since: datetime, at: datetime) -> Iterator[RunEvent]:
    for snapshot in _commits(lake.table(dataset), since):
        landing = landing_in(refs.properties_of(snapshot), snapshot.snapshot_id)
        if landing is not None:
            rows = Rows.model_validate({"in": landing.rows_in, "out": landing.rows_landed})
            told = Report(step="stream", dataset=dataset, snapshot_id=landing.snapshot_id, rows=rows)
            identity = f"stream:{dataset}:{landing.snapshot_id}"
            yield run_event(told, identity, at, f"ingest {dataset}", [], [output_of(lake.settings, told)])


def _followed(lake: Lake, dataset: str, since: datetime, at: datetime) -> Iterator[RunEvent]:
    commits = _commits(lake.table(dataset), since)
    summaries = [refs.properties_of(snapshot) for snapshot in commits]
    newest = next((summary for summary in summaries if is_progress(summary)), None)
    if newest is None:
        return
    inputs = []
    for source, number in sorted(Progress.from_summary(newest).read.items()):
        read = InputDataset(lake.settings.warehouse_uri, source)
        snapshot_id = _landed_at(lake.table(source), number)
        if snapshot_id is not None:
            read.facets = {"version": version(snapshot_id)}
        inputs.append(read)
    rows = Rows.model_validate({"out": sum(int(summary.get("added-records", "0")) for summary in summaries)})
    told = Report(step="stream", dataset=dataset, snapshot_id=commits[0].snapshot_id, rows=rows)
    identity = f"stream:{dataset}:{told.snapshot_id}"
    yield run_event(told, identity, at, dataset, inputs, [output_of(lake.settings, told)])


def _commits(table: "Table", since: datetime) -> "list[Snapshot]":
    """Return the snapshots of `main` since an instant, newest first."""
    first = since.timestamp() * 1000
    return list(takewhile(lambda snapshot: snapshot.timestamp_ms >= first, refs.line(table)))


def _landed_at(table: "Table", number: int) -> int | None:
    """Return the snapshot of a landing; None where it has expired."""
    upto = (landing.snapshot_id for landing in landings_of(table) if landing.landing_seq <= number)
    return next(upto, None)
