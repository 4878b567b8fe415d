"""Progress of the live tables: the newest commit of each table says how far it has followed; no other state is kept.

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
        since: the same before the commit: the rows of the commit are of the landings after that number.
        as_of: the instant that its labels are as of.
        expired: days up to this one were removed, and get no rows any more.
        kept: days among them that the table still has, as the batch has not judged them yet.
        made_by: version of the contract, version of the code.
    """

    read: Mapping[str, int]
    since: Mapping[str, int] = field(default_factory=dict)
    as_of: Instant | None = None
    expired: date | None = None
    made_by: tuple[str, ...] = ()
    kept: tuple[date, ...] = ()

    def has(self, day: date) -> bool:
        """Whether a day has not expired."""
        return self.expired is None or day > self.expired or day in self.kept

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry the progress."""
        return {PROGRESS: to_text(self, exclude=None if self.kept else {"kept"})}  # As earlier versions wrote it.

    @classmethod
    def from_summary(cls, summary: Mapping[str, str]) -> "Progress":
        """Read what `to_summary` wrote."""
        return codec(cls).validate_json(summary[PROGRESS])


_NOTHING = Progress({})


def is_progress(summary: Mapping[str, str]) -> bool:
    """Whether a commit says how far a live table has followed."""
    return PROGRESS in summary


def marker_in(summary: Mapping[str, str]) -> str | None:
    """Return the name of the marker that a commit is, by its summary; None where it is no progress of a live table."""
    return MARKER if is_progress(summary) else None


def progress(lake: Lake, dataset: str) -> Progress:
    """Return how far the live table of a dataset has followed, from the commits of its own main."""
    return progress_in(lake.table(live_name(dataset))) if lake.exists(live_name(dataset)) else _NOTHING


def progress_in(table: "Table") -> Progress:
    """Return how far a loaded live table has followed, from the commits of main when it was loaded."""
    summary = markers.summary(table, MARKER, is_progress)
    return Progress.from_summary(summary) if summary is not None else _NOTHING


def next_stop(lake: Lake, sources: Collection[str], read: Mapping[str, int], rows: int) -> dict[str, int]:
    """Return up to which landing number of each source the next step goes; one landing at least.

    The datasets go on together, as their rows were received: an impression should be there when its plays are.

    Args:
        lake: the lake.
        sources: the landed datasets.
        read: the landing numbers that the last step went to.
        rows: how many rows a step takes, unless one landing has more.
    """
    waiting = {dataset: landed_files.landed_after(lake, dataset, read.get(dataset, 0)) for dataset in sources}
    stops, taken = {dataset: read.get(dataset, 0) for dataset in sources}, 0
    for landing in merge(*waiting.values(), key=lambda landed: landed.received_ts):
        if taken and taken + landing.rows_landed > rows:
            break
        stops[landing.dataset], taken = landing.landing_seq, taken + landing.rows_landed
    for dataset, landings in waiting.items():
        if not landings or stops[dataset] == landings[-1].landing_seq:
            # Landings that neither commits nor the register name are all taken.
            stops[dataset] = landing_seq(lake.table(dataset))
    return stops


def watermark(lake: Lake, read: Mapping[str, int]) -> datetime | None:
    """Return the instant before which the events of all sources have arrived, as their contracts say; None: unknown.

    It moves with the received times of what was landed last: a silent source holds it back, and so does a source whose
    old events are landed again.

    Args:
        lake: the lake.
        read: the landing number of each source up to which to look.
    """
    known = [_declared(lake, dataset, through) for dataset, through in read.items()]
    return None if None in known else min(instant for instant in known if instant is not None)


def _declared(lake: Lake, dataset: str, through: int) -> datetime | None:
    newest = next(
        (landing for landing in landed_files.landed_newest(lake, dataset) if landing.landing_seq <= through), None
    )
    if newest is None:
        return None
    table = lake.table(dataset)
    received = [upper_instant(table, file, RECEIVED) for file in added_files(table, newest.snapshot_id)]
    # A producer's clock that is ahead must not end windows early.
    instants = [min(instant, newest.received_ts) for instant in received if instant is not None]
    return max(instants) - lake.registry.get(dataset).source_delay if instants else None
