"""What a stream landed: up to which offset each table has the records of each partition, as its own commits say."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from matinee.landing.model import Landing, landing_in
from matinee.table import markers
from matinee.table.catalog import Lake, summary_of

if TYPE_CHECKING:
    from pyiceberg.table import Table


def landed_through(lake: Lake, target: str, dataset: str) -> dict[str, int]:
    """Return up to which offset (excluded) a stream's rows of a dataset are in a table, by `topic/partition`."""
    last = last_streamed(lake, target, dataset)
    return dict(last.through) if last else {}


def last_streamed(lake: Lake, target: str, dataset: str) -> Landing | None:
    """Return what a stream landed last in a table.

    Args:
        lake: the lake.
        target: the raw table, or `raw.quarantine`.
        dataset: what the rows were landed for.
    """
    return last_in(lake.table(target), dataset) if lake.exists(target) else None


def last_in(table: "Table", dataset: str) -> Landing | None:
    """Return what a stream landed last for a dataset in a loaded table."""
    snapshot_id = markers.newest(table, stream_marker(dataset), lambda summary: streamed_for(summary) == dataset)
    return landing_in(summary_of(table, snapshot_id), snapshot_id) if snapshot_id is not None else None


def streamed_for(summary: Mapping[str, str]) -> str | None:
    """Return the dataset that a stream landed for by the commit of this summary; None if no stream made the commit."""
    landing = landing_in(summary, 0)
    return landing.dataset if landing is not None and landing.through else None


def stream_marker(dataset: str) -> str:
    """Return the name of the marker that says how far the stream of a dataset was landed."""
    return f"stream_{dataset.replace('.', '_')}"


def marker_in(summary: Mapping[str, str]) -> str | None:
    """Return the name of the marker that the commit of this summary makes; None if no stream made the commit."""
    dataset = streamed_for(summary)
    return stream_marker(dataset) if dataset else None


def is_streamed_through(lake: Lake, landing: Landing) -> bool:
    """Whether the rows of a range of a stream are in its raw table, perhaps as parts of other ranges.

    Also true if another topic has replaced the range's topic: no more of its records come.
    """
    last = last_streamed(lake, landing.dataset, landing.dataset) if landing.through else None
    if last is None:
        return False
    is_over = bool(last.topic_id) and bool(landing.topic_id) and last.topic_id != landing.topic_id
    return is_over or all(last.through.get(name, 0) >= until for name, until in landing.through.items())


def range_id(dataset: str, name: str, topic_id: str) -> str:
    """Return the identity of a range of a stream, as the SHA-256 of its bytes is that of a file."""
    of_topic = f"\n{topic_id}" if topic_id else ""
    return hashlib.sha256(f"{dataset}\n{name}{of_topic}".encode()).hexdigest()
