"""Progress of the live tables: each one's newest commit says what it was brought up to, so nothing else has to.

A crash, a lost checkpoint or a pause changes nothing: the next step goes on from what stands in the tables.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import merge
from typing import TYPE_CHECKING

from matinee.contracts.model import RECEIVED, live_name
from matinee.contracts.readers import Needs
from matinee.landing import landed_files
from matinee.table import markers
from matinee.table.catalog import Lake
from matinee.table.files import landing_seq, upper_instant
from matinee.table.registers import Instant, codec, to_text
from matinee.table.snapshots import added_files

if TYPE_CHECKING:
    from pyiceberg.table import Table

PROGRESS = "matinee.live"
MARKER = "live"
#: How long live days stay once their batch is mature.
KEEP = "live.keep"
PARAMETERS: Needs = {KEEP: "duration"}


@dataclass(frozen=True)
class Progress:
    """What a live table holds.

    Attributes:
        read: by landed dataset, the landing number up to which its rows were taken, included.
        since: the same before the commit: its rows are of the landings after it.
        as_of: the instant that its labels are as of.
        expired: days up to this one were removed.
        made_by: version of the contract, version of the code.
    """

    read: Mapping[str, int]
    since: Mapping[str, int] = field(default_factory=dict)
    as_of: Instant | None = None
    expired: date | None = None
    made_by: tuple[str, ...] = ()

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry it."""
        return {PROGRESS: to_text(self)}

    @classmethod
    def from_summary(cls, summary: Mapping[str, str]) -> "Progress":
        """Read what `to_summary` wrote."""
        return codec(cls).validate_json(summary[PROGRESS])


_NOTHING = Progress({})


def is_progress(summary: Mapping[str, str]) -> bool:
    """Whether a commit says how far a live table was brought."""
    return PROGRESS in summary


def marker_in(summary: Mapping[str, str]) -> str | None:
    """Return the name of the marker that a commit of this summary is; None where it is no progress of a live table."""
    return MARKER if is_progress(summary) else None


def progress(lake: Lake, dataset: str) -> Progress:
    """Return how far the live table of a dataset was brought, from the commits of its own main."""
    return progress_in(lake.table(live_name(dataset))) if lake.exists(live_name(dataset)) else _NOTHING


def progress_in(table: "Table") -> Progress:
    """Return the same of a loaded table: what its head then holds."""
    found = markers.summary(table, MARKER, is_progress)
    return Progress.from_summary(found) if found is not None else _NOTHING


def next_stop(lake: Lake, sources: Collection[str], read: Mapping[str, int], rows: int) -> dict[str, int]:
    """Return up to which landing number of each source the next step goes; one landing at least.

    The datasets go on together, as their rows were received: an impression should be there when its plays are.

    Args:
        lake: the lake.
        sources: the landed datasets.
        read: the landing numbers that the last step went to.
        rows: as many rows a step takes, but where one landing has more.
    """
    waiting = {dataset: landed_files.landed_after(lake, dataset, read.get(dataset, 0)) for dataset in sources}
    stops, taken = {dataset: read.get(dataset, 0) for dataset in sources}, 0
    for landing in merge(*waiting.values(), key=lambda one: one.received_ts):
        if taken and taken + landing.rows_landed > rows:
            break
        stops[landing.dataset], taken = landing.landing_seq, taken + landing.rows_landed
    for dataset, found in waiting.items():
        if not found or stops[dataset] == found[-1].landing_seq:
            # Of what no commit and no register tells, all is taken.
            stops[dataset] = landing_seq(lake.table(dataset))
    return stops


def watermark(lake: Lake, read: Mapping[str, int]) -> datetime | None:
    """Return the instant before which the events of all sources have arrived, as their contracts say; None: unknown.

    It moves with the received times of what was landed last: a source that is silent holds it, and so does one of which
    old events are landed again.

    Args:
        lake: the lake.
        read: the landing number of each source up to which to look.
    """
    known = [_declared(lake, dataset, through) for dataset, through in read.items()]
    return None if None in known else min(one for one in known if one is not None)


def _declared(lake: Lake, dataset: str, through: int) -> datetime | None:
    newest = next((one for one in landed_files.landed_newest(lake, dataset) if one.landing_seq <= through), None)
    if newest is None:
        return None
    table = lake.table(dataset)
    received = [upper_instant(table, file, RECEIVED) for file in added_files(table, newest.snapshot_id)]
    # A producer's clock that is ahead must not end windows early.
    instants = [min(one, newest.received_ts) for one in received if one is not None]
    return max(instants) - lake.registry.get(dataset).source_delay if instants else None
