"""What contracts promise of a dataset as a whole: service levels, and how many rows a day may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from matinee.contracts.document import Misplaced, Piece


@dataclass(frozen=True)
class VolumeBand:
    """Rows that a day which has rows may hold, both ends included; None is open."""

    minimum: int | None = None
    maximum: int | None = None


SERVICE_LEVELS = frozenset({"freshness", "completeness", "retention"})
_UNITS = {"h": "hours", "d": "days", "m": "minutes"}


def service_levels(root: Piece) -> Mapping[str, Piece]:
    """Return the service levels of a document by their names."""
    stated = root.find("slaProperties")
    levels: dict[str, Piece] = {}
    for entry in stated.items() if stated else ():
        name = entry.get("property")
        if name.value not in SERVICE_LEVELS:
            raise Misplaced(name.place, f"{name.value!r} is not one of {', '.join(sorted(SERVICE_LEVELS))}")
        levels[name.text()] = entry
    return levels


def length(level: Piece) -> timedelta:
    """Return the length of a service level."""
    unit = level.get("unit")
    if unit.value not in _UNITS:
        raise Misplaced(unit.place, f"{unit.value!r} is not one of {', '.join(_UNITS)}")
    return timedelta(**{_UNITS[unit.text()]: level.get("value").whole()})


def volume(table: Piece) -> VolumeBand:
    """Return how many rows a day of the table may hold."""
    stated = table.find("quality")
    band = VolumeBand()
    for rule in stated.items() if stated else ():
        metric, limits = rule.get("metric"), rule.find("mustBeBetween")
        if metric.value != "rowCount" or limits is None:
            raise Misplaced(metric.place, "only rowCount with mustBeBetween is derived; write any other as an audit")
        values = [piece.whole() for piece in limits.items()]
        if len(values) != 2 or values[0] > values[1]:
            raise Misplaced(limits.place, "must be the least and the most rows of a day")
        band = VolumeBand(*values)
    return band
