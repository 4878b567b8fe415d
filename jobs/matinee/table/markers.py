"""Markers: the newest commit of a kind, whose summary can be read even where the commits after it have expired.

The search follows `main`, newest first. Expiry cuts that chain below the snapshots that it keeps; before the cut it
puts a tag on each marker, to which the search can jump.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from matinee.errors import EnvironmentNotReadyError
from matinee.hooks import registered
from matinee.table import names, refs
from matinee.table.catalog import summary_of

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: A system registers a function under this, from a summary to the name of its marker or None: expiry keeps markers.
HOOK = "matinee.markers"
Is = Callable[[Mapping[str, str]], bool]


def name_in(summary: Mapping[str, str]) -> str | None:
    """Return the name of the marker that a commit with this summary is; None where no system calls it a marker.

    Raises:
        EnvironmentNotReadyError: the package is not installed, so no system is known.
    """
    names_in = (entry.load()(summary) for entry in registered(HOOK).values())
    return next((name for name in names_in if name is not None), None)


def refuse_unknown(table: "Table") -> None:
    """Refuse a table with the tag of a marker that no registered system knows: the newest marker would be lost.

    Raises:
        EnvironmentNotReadyError: markers are unknown; the message names them.
    """
    tags = {name: ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(names.MARKER)}
    known = {name: names.MARKER + (name_in(summary_of(table, tagged)) or "") for name, tagged in tags.items()}
    unknown = sorted(name for name in tags if known[name] != name)
    if unknown:
        raise EnvironmentNotReadyError(
            f"No installed package knows what {', '.join(unknown)} of {'.'.join(table.name())} are for.",
            next_step="Install the package that wrote them (`make env` updates an old environment).",
            facts={"table": ".".join(table.name()), "tags": unknown},
        )


def newest(table: "Table", name: str, is_marker: Is) -> int | None:
    """Return the newest snapshot of `main` that is a marker; None where there never was a marker.

    Args:
        table: loaded.
        name: of the kind of marker; expiry tags it by this name.
        is_marker: whether a summary is a marker's.
    """
    marked = (snapshot_id for snapshot_id, summary in refs.summaries(table) if is_marker(summary))
    return next(marked, None) or refs.reference(table, names.MARKER + name)


def keep(table: "Table", markers: Mapping[str, int]) -> "Table":
    """Put the tag of each marker on its snapshot.

    Raises:
        CommitConflictError: another process does the same.
    """
    for name, snapshot_id in markers.items():
        tagged = refs.reference(table, names.MARKER + name)
        if tagged == snapshot_id:
            continue
        if tagged is not None:
            table = refs.remove(table, names.MARKER + name, expected=tagged)
        table = refs.create_tag(table, names.MARKER + name, snapshot_id)
    return table


def summary(table: "Table", name: str, is_marker: Is) -> Mapping[str, str] | None:
    """Return the summary of the newest marker."""
    snapshot_id = newest(table, name, is_marker)
    return summary_of(table, snapshot_id) if snapshot_id is not None else None
