"""Declarations of landed days: manifests that are landed, days that a person closes, and where the lake begins.

Declarations are facts in an order: the one that came last holds. A manifest is known by its path and what stood there
when it was landed last: the same file is passed over however often it is found, while a new file with earlier content
is a new declaration, and so is a file whose content was changed and changed back.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from matinee.days import day_range
from matinee.errors import LandingRefusedError, UsageError
from matinee.landing.landed_files import register
from matinee.landing.model import REGISTER, Landing
from matinee.sources.files.manifests import read_manifests
from matinee.sources.files.read import read_lines
from matinee.sources.files.scan import Kind, LandingFile
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.look import Look
from matinee.validity.manifests import BEGIN, MANIFESTS, Manifest, changes, declare

log = logging.getLogger(__name__)
#: Days with rows that lie farther than this before all others come from wrong clocks, not from a lake's beginning.
SILENCE, DAY = timedelta(weeks=1), timedelta(days=1)


def landed_manifests(lake: Lake) -> dict[str, Landing]:
    """Return what was last landed of each manifest's path."""
    return {one.file: one for one in _landings(lake)}


def _landings(lake: Lake) -> list[Landing]:
    found = REGISTER.rows(lake, f"dataset = '{MANIFESTS}'")
    return sorted(found, key=lambda one: (one.landing_seq, one.received_ts, one.sha256))


def land_manifest(
    lake: Lake, file: LandingFile, datasets: Collection[str], landed_at: datetime
) -> tuple[Landing, tuple[date, ...]]:
    """Take what a manifest declares, after all that was declared before.

    Returns:
        The landing, and the days whose declaration it changed.

    Raises:
        LandingRefusedError: it is no manifest, or declares days that cannot be declared; nothing of it was taken.
    """
    if file.kind is Kind.PARQUET:
        raise LandingRefusedError(
            f"{file.file} is refused: a manifest is NDJSON.",
            next_step='Write a line {"dataset", "day", "expected_rows", "closed"} for each day.',
            facts={"file": file.file},
        )
    lines = read_lines(lake.settings, file)
    found = read_manifests(lines, file=file.file, datasets=datasets, received_ts=landed_at)
    look = Look(lake)
    _refuse_odd_days(look, file.file, found, landed_at)
    landed = _landings(lake)
    newest = max(look.manifests.landing_seq, *(one.landing_seq for one in landed), 0)
    # What a landing that was cut off has declared keeps its place: a person may have spoken since.
    last = max((one.landing_seq for one in landed if one.file == file.file), default=0)
    said = {(one.dataset, one.day, one.words) for one in look.manifests.of_file(file.file, above=last)}
    added = declare(
        lake, [one for one in changes(lake, found) if (one.dataset, one.day, one.words) not in said], newest
    )
    snapshot_id, rows = refs.head(lake.ensure(MANIFESTS)), len(found)
    landing = Landing(
        MANIFESTS, file.file, file.sha256, rows, rows, 0, {}, landed_at, landing_seq=newest + 1, snapshot_id=snapshot_id
    )
    register(lake, [landing])
    return landing, tuple(sorted({one.day for one in added}))


def _refuse_odd_days(look: Look, file: str, found: Collection[Manifest], landed_at: datetime) -> None:
    """Refuse days before the lake's first and beyond tomorrow: one of them would hold, or move, every VTTS."""
    last = landed_at.date() + DAY
    first = look.valid_from or beginning(one.day for one in found if one.day <= last) or date.min
    ahead = max((one.day for one in found if one.day > last), default=None)
    before = min((one.day for one in found if one.day < first), default=None)
    if ahead:
        raise _refused(file, ahead, f"lies beyond tomorrow, {last}", "A day is declared when it has come.")
    if before:
        history = f"Where it is history to load: `matinee lake begin {before}`."
        raise _refused(file, before, f"lies before the first day of the lake, {first}", history)
    for one in found:
        earliest = look.lake.registry.get(one.dataset).earliest_event
        if one.day < earliest:
            raise _refused(file, one.day, f"has no events: {one.dataset} takes none before {earliest}", "")


def _refused(file: str, day: date, why: str, next_step: str) -> LandingRefusedError:
    return LandingRefusedError(
        f"{file} is refused: it declares {day}, which {why}.",
        next_step=f"Correct the manifest; nothing of it was taken. {next_step}".strip(),
        facts={"file": file, "day": day},
    )


def close(lake: Lake, datasets: Collection[str], day: date, at: datetime) -> tuple[Manifest, ...]:
    """Declare complete, with the rows that they have, the days of raw datasets through a day.

    Raises:
        UsageError: nothing was landed up to that day, or it lies beyond tomorrow.
    """
    if day > at.date() + DAY:
        raise UsageError(
            f"{day} cannot be closed: it lies beyond tomorrow, {at.date() + DAY}.",
            next_step="Close days when they are over.",
            facts={"day": day, "at": at},
        )
    # A dataset without a table would be unreadable where a day without rows is meant.
    sizes = {one: day_sizes(lake.ensure(one), lake.registry.get(one).day_column or "") for one in datasets}
    look, landed = Look(lake), sorted({found for days in sizes.values() for found in days})
    closed = {found for dataset in sizes for found in look.manifests.closed_days(dataset)}
    since = look.valid_from or date.min
    first = beginning(found for found in {*landed, *closed} if since <= found <= day)
    if first is None:
        raise UsageError(
            f"There is no day to close: {_why_none(landed, look.valid_from)}.",
            next_step="Land events with `matinee ingest --from PATH`, or name a later day.",
            facts={"datasets": ", ".join(datasets), "day": day},
        )
    left = [found for found in landed if since <= found < first and found not in closed]
    if left:
        log.warning(
            "%d days with rows before %s, the first of them %s, stay as they are: a week without rows lies between.",
            *(len(left), first, left[0]),
        )
    wanted = [
        Manifest(one, each, days[each].rows if each in days else 0, True, None, at)
        for one, days in sizes.items()
        for each in day_range(first, day)
    ]
    return declare(lake, changes(lake, wanted))


def _why_none(landed: list[date], first: date | None) -> str:
    if not landed:
        return "nothing was landed yet"
    return f"the lake begins with {first}" if first else f"the first landed day is {landed[0]}"


def beginning(days: Iterable[date]) -> date | None:
    """Return the first of the days that lead to the last one without more than a week between two of them."""
    first: date | None = None
    for day in sorted(days, reverse=True):
        if first is not None and first - day > SILENCE:
            break
        first = day
    return first


def begin(lake: Lake, day: date, at: datetime) -> date | None:
    """Declare the first day of the lake; days from it on are open until they are landed and closed.

    Returns:
        The first day before that; None where the lake had none.

    Raises:
        UsageError: the settings say where the lake begins, no event of the day would be taken, or published days would
            lie before it.
    """
    look = Look(lake)
    problem = _no_beginning(look, day, at)
    if problem:
        raise UsageError(
            f"The lake cannot begin with {day}: {problem}.",
            next_step="`matinee vtts list` shows how far it can be trusted now; name another day.",
            facts={"day": day, "valid_from": look.valid_from},
        )
    before = look.valid_from
    if before != day:
        declare(lake, [Manifest(BEGIN, day, 0, False, None, at)])
    return before


def _no_beginning(look: Look, day: date, at: datetime) -> str:
    registry = look.lake.registry
    earliest = min(one.earliest_event for one in registry.all() if one.kind == "event")
    if look.lake.settings.valid_from is not None:
        return f"MATINEE_VALID_FROM says {look.lake.settings.valid_from}"
    if day < earliest:
        return f"events before {earliest} are not taken"
    if day > at.date() + DAY:
        return f"it lies beyond tomorrow, {at.date() + DAY}"
    # What lies before the first day counts as valid: nothing that was published may slip out of sight.
    kept = [one.dataset for one in registry.all() if one.kind in {"derived", "event"}]
    dropped = next((one for one in kept if day < look.begin(one)), None)
    if dropped:
        return f"{dropped} keeps its days from {look.begin(dropped)} on"
    published = [look.history(one.dataset) for one in registry.all() if one.transform]
    seen = ((known, found) for known in published for found in known.newest_notes)
    lost = min((found for known, found in seen if (known.begin or date.min) <= found < day), default=None)
    return f"{lost} was published already" if lost else ""
