"""Landed manifests `ops.manifests`: how many rows a producer says a day has, and whether the day is closed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from matinee.errors import CommitConflictError
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows

MANIFESTS = "ops.manifests"
#: A declaration of this name is of no dataset: it says with which day the lake begins.
BEGIN = "lake"


@dataclass(frozen=True)
class Manifest:
    """What is declared of one day of a raw dataset; of several the one with the highest `landing_seq` holds."""

    dataset: str
    day: date
    expected_rows: int
    closed: bool
    file: str | None
    received_ts: datetime
    landing_seq: int = 0
    expected_distinct: int | None = None

    @property
    def words(self) -> tuple[int, int | None, bool, bool]:
        """What it says: the rows, those of them that repeat no other, whether more come, whether a person says so."""
        return self.expected_rows, self.expected_distinct, self.closed, self.file is None


def declare(lake: Lake, manifests: Iterable[Manifest], above: int = 0) -> tuple[Manifest, ...]:
    """Append declarations in one commit; each gets a landing number above a given one and all of the table."""
    found = tuple(manifests)
    if not found:
        return ()
    for _ in range(refs.COMMIT_TRIES):
        table = lake.ensure(MANIFESTS)  # Before the look: what comes between the two is a conflict.
        start = max(above, *(known.landing_seq for known in declarations(lake)), 0)
        numbered = tuple(Manifest(**{**vars(m), "landing_seq": start + 1}) for m in found)
        with suppress(CommitConflictError):
            append_rows(lake, MANIFESTS, map(vars, numbered), onto=table)
            return numbered
    raise CommitConflictError(
        f"Others declared days first, {refs.COMMIT_TRIES} times; nothing was declared.",
        next_step="Declare them again when fewer writers are at work.",
        facts={"table": MANIFESTS},
    )


def declarations(lake: Lake) -> list[Manifest]:
    """Return everything that was ever declared, oldest first."""
    if not lake.exists(MANIFESTS):
        return []
    found = (Manifest(**row) for row in lake.table(MANIFESTS).scan().to_arrow().to_pylist())
    return sorted(found, key=lambda m: (m.landing_seq, m.received_ts, m.expected_rows))


def newest_of(found: Iterable[Manifest]) -> dict[tuple[str, date], Manifest]:
    """Return what holds of each (dataset, day), of declarations in their order."""
    return {(manifest.dataset, manifest.day): manifest for manifest in found if manifest.dataset != BEGIN}


def first_day(found: Iterable[Manifest]) -> date | None:
    """Return the first day of the lake: that which a person named last, else the first that was ever closed.

    A first day that is opened again stays the first: days before it are taken for valid.
    """
    listed = list(found)
    begun = [one.day for one in listed if one.dataset == BEGIN]
    return begun[-1] if begun else min((one.day for one in listed if one.closed), default=None)


def declared(lake: Lake) -> dict[tuple[str, date], Manifest]:
    """Return what holds now of each (dataset, day)."""
    return newest_of(declarations(lake))


def changes(lake: Lake, wanted: Iterable[Manifest]) -> list[Manifest]:
    """Return the declarations that change what holds; of two for one day the later one."""
    held = declared(lake)
    last = {(one.dataset, one.day): one for one in wanted}
    return [one for key, one in last.items() if key not in held or held[key].words != one.words]
