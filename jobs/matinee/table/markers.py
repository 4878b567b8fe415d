"""Markers: what the newest commit of a kind says in its summary, found even where the commits between have expired.

A marker is looked for along `main`, newest first. Expiry cuts that chain below what it keeps; before it does, it puts a
tag on each marker, so that the walk has an end to jump to.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from matinee.table import refs
from matinee.table.catalog import summary_of

if TYPE_CHECKING:
    from pyiceberg.table import Table

_TAG = "marker_"
Is = Callable[[Mapping[str, str]], bool]


def newest(table: "Table", name: str, is_marker: Is) -> int | None:
    """Return the newest snapshot of `main` that is a marker; None where there never was one.

    Args:
        table: loaded.
        name: of the kind of marker; expiry tags it by this name.
        is_marker: whether a summary is one.
    """
    found = (snapshot_id for snapshot_id, summary in refs.summaries(table) if is_marker(summary))
    return next(found, None) or refs.reference(table, _TAG + name)


def keep(table: "Table", markers: Mapping[str, int]) -> "Table":
    """Put the tag of each marker on its snapshot.

    Raises:
        CommitConflictError: another process does the same.
    """
    for name, snapshot_id in markers.items():
        tagged = refs.reference(table, _TAG + name)
        if tagged == snapshot_id:
            continue
        if tagged is not None:
            table = refs.remove(table, _TAG + name, expected=tagged)
        table = refs.create_tag(table, _TAG + name, snapshot_id)
    return table


def summary(table: "Table", name: str, is_marker: Is) -> Mapping[str, str] | None:
    """Return the summary of the newest marker."""
    found = newest(table, name, is_marker)
    return summary_of(table, found) if found is not None else None
