"""Parity `ops.stream_parity`: how the live tables agreed with the published ones, day by day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from matinee.contracts.model import live_name
from matinee.live.groups import groups, is_mature
from matinee.live.progress import progress
from matinee.table.catalog import Lake
from matinee.table.registers import Packed, Register, stamp
from matinee.validity.validity import Validity

PARITY = "ops.stream_parity"
#: The cause that is not scored: the late scan finds these rows, and a heal repairs the batch.
ARRIVED_AFTER = "arrived_after_batch"


@dataclass(frozen=True)
class Parity:
    """What a comparison of a day found.

    Attributes:
        rows: the keys of both sides, each once.
        arrived_after_batch: rows that differ because their input arrived after the batch had read it.
        differing: scored rows that differ, or stand on one side only.
        causes: how many of the differing rows have each cause.
        scores: by column, the share of the scored rows that agree in it.
    """

    dataset: str
    day: date
    publication_id: str
    live_snapshot_id: int
    rows: int
    arrived_after_batch: int
    differing: int
    causes: Packed[Mapping[str, int]]
    scores: Packed[Mapping[str, float]]
    recorded_ts: datetime = datetime(1970, 1, 1, tzinfo=UTC)


_REGISTER = Register(PARITY, Parity)


def record(lake: Lake, parity: Parity) -> None:
    """Append a comparison in one commit."""
    _REGISTER.append(lake, [replace(parity, recorded_ts=stamp())])


def parities(lake: Lake) -> list[Parity]:
    """Return every comparison, oldest first."""
    return sorted(_REGISTER.rows(lake), key=lambda parity: parity.recorded_ts)


def days_to_compare(lake: Lake) -> list[tuple[str, date]]:
    """Return the mature live days that did not agree yet with their newest publication, by dataset, then by day.

    A day that differed is returned until it is repaired.
    """
    validity = Validity(lake)
    agreed = {(parity.dataset, parity.day, parity.publication_id) for parity in parities(lake) if not parity.differing}
    streamed = ((group, name) for group in groups(lake) for name in group.datasets)
    until = {(group, name): progress(lake, name) for group, name in streamed if lake.exists(live_name(name))}
    return [
        (dataset, day)
        for (group, dataset), done in until.items()
        for day, newest in validity.history(dataset).newest_notes.items()
        if done.has(day) and (dataset, day, newest.publication_id) not in agreed
        if is_mature(validity, group, dataset, day)
    ]
