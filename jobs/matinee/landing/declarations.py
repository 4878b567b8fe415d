"""Declarations of landed days: manifests that are landed, days that a person closes, and where the lake begins.

Declarations are ordered: the last one for a day holds. A manifest is known by its path and the content of its last
landing: an unchanged file is skipped however often it is found. A new file with earlier content is a new declaration,
and so is a file whose content was changed and changed back.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from matinee.contracts.registry import Registry
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
#: Days with rows that lie farther than this before all later ones come from wrong clocks: the lake begins after them.
SILENCE, DAY = timedelta(weeks=1), timedelta(days=1)
#: So many days without a row may be declared where nobody has named the lake's first day.
EMPTY_DAYS = 31


def events(registry: Registry) -> tuple[str, ...]:
    """Return the datasets of landed events, from files or streams: those whose days can be declared complete."""
    return tuple(contract.dataset for contract in registry.all() if contract.kind == "event")


def declarable(registry: Registry) -> tuple[str, ...]:
    """Return the datasets whose days a manifest may declare.

    Those whose contract cannot be used belong to them: the other declarations of a manifest do not wait for them.
    """
    return (*events(registry), *(name for name, why in registry.left_out.items() if "depends_on" not in why.facts))


def landed_manifests(lake: Lake) -> dict[str, Landing]:
    """Return the last landing of each manifest, by path."""
    return {landing.file: landing for landing in _landings(lake)}


def _landings(lake: Lake) -> list[Landing]:
    landings = REGISTER.rows(lake, f"dataset = '{MANIFESTS}'")
    return sorted(landings, key=lambda landing: (landing.landing_seq, landing.received_ts, landing.sha256))


def land_manifest(
    lake: Lake, file: LandingFile, datasets: Collection[str], landed_at: datetime
) -> tuple[Landing, tuple[date, ...]]:
    """Land the declarations of a manifest, after all earlier declarations.

    Returns:
        The landing, and the days whose declaration it changed.

    Raises:
        LandingRefusedError: the file is no manifest, or declares days that cannot be declared; nothing of it was taken.
    """
    look = Look(lake)
    entries = declarations(look, file, datasets, landed_at)
    landed = _landings(lake)
    newest = max(look.manifests.landing_seq, *(manifest.landing_seq for manifest in landed), 0)
    # Declarations of an interrupted landing keep their place: a person may have made others since.
    last = max((manifest.landing_seq for manifest in landed if manifest.file == file.file), default=0)
    said = {(entry.dataset, entry.day, entry.words) for entry in look.manifests.of_file(file.file, above=last)}
    added = declare(
        lake, [entry for entry in changes(lake, entries) if (entry.dataset, entry.day, entry.words) not in said], newest
    )
    snapshot_id, rows = refs.head(lake.ensure(MANIFESTS)), len(entries)
    landing = Landing(
        MANIFESTS, file.file, file.sha256, rows, rows, 0, {}, landed_at, landing_seq=newest + 1, snapshot_id=snapshot_id
    )
    register(lake, [landing])
    return landing, tuple(sorted({entry.day for entry in added}))


def declarations(look: Look, file: LandingFile, datasets: Collection[str], landed_at: datetime) -> list[Manifest]:
    """Return what a manifest declares; nothing is landed.

    Raises:
        LandingRefusedError: see `land_manifest`.
    """
    if file.kind is Kind.PARQUET:
        raise LandingRefusedError(
            f"{file.file} is refused: a manifest is NDJSON.",
            next_step='Write a line {"dataset", "day", "expected_rows", "closed"} for each day.',
            facts={"file": file.file},
        )
    lines = read_lines(look.lake.settings, file)
    entries = read_manifests(lines, file=file.file, datasets=datasets, received_ts=landed_at)
    _refuse_odd_days(look, file.file, entries, landed_at)
    return entries


def _refuse_odd_days(look: Look, file: str, entries: Collection[Manifest], landed_at: datetime) -> None:
    """Refuse days before the lake's first day or after tomorrow: such a day would hold back, or move, every VTTS."""
    last = landed_at.date() + DAY
    ahead = max((entry.day for entry in entries if entry.day > last), default=None)
    if ahead:
        raise _refused(file, ahead, f"lies beyond tomorrow, {last}", "A day is declared when it has come.")
    _refuse_before(file, entries, look.valid_from)
    for entry in (entry for entry in entries if entry.dataset not in look.lake.registry.left_out):
        earliest = look.lake.registry.get(entry.dataset).earliest_event
        if entry.day < earliest:
            raise _refused(file, entry.day, f"has no events: {entry.dataset} takes none before {earliest}", "")
    if look.valid_from is None:
        look.lake.registry.require_all("A lake that has no first day gets none, as not every dataset is known")
        _refuse_before(file, entries, _guessed(look, {entry.day for entry in entries}, landed_at))


def _refuse_before(file: str, entries: Collection[Manifest], first: date | None) -> None:
    before = min((entry.day for entry in entries if first and entry.day < first), default=None)
    if before:
        history = f"Where it is history to load: `matinee lake begin {before}`."
        raise _refused(file, before, f"lies before the first day of the lake, {first}", history)


def _guessed(look: Look, days: Collection[date], landed_at: datetime) -> date | None:
    """Return the first day of a lake that has none yet, by days that are declared and the days that have rows.

    Where nothing was landed yet, the day of the landing tells which declared days are old.
    """
    events = (contract.dataset for contract in look.lake.registry.all() if contract.kind == "event")
    landed = {day for dataset in events for day in look.landed(dataset)}
    seen = {day for day in landed if day <= landed_at.date()} or {landed_at.date()}
    return beginning({*days, *seen})


def _refused(file: str, day: date, why: str, next_step: str) -> LandingRefusedError:
    return LandingRefusedError(
        f"{file} is refused: it declares {day}, which {why}.",
        next_step=f"Correct the manifest; nothing of it was taken. {next_step}".strip(),
        facts={"file": file, "day": day},
    )


def close(lake: Lake, datasets: Collection[str], day: date, at: datetime) -> tuple[Manifest, ...]:
    """Close the days of raw datasets through a day: declare each complete with the rows that it has.

    Raises:
        UsageError: nothing was landed up to that day, it lies beyond tomorrow, or many days without rows would be
            declared in a lake of which nobody has named the first day.
    """
    if day > at.date() + DAY:
        raise UsageError(
            f"{day} cannot be closed: it lies beyond tomorrow, {at.date() + DAY}.",
            next_step="Close days when they are over.",
            facts={"day": day, "at": at},
        )
    # A dataset without a table could not be read; an empty table has days without rows.
    sizes = {
        dataset: day_sizes(lake.ensure(dataset), lake.registry.get(dataset).day_column or "") for dataset in datasets
    }
    look, landed = Look(lake), sorted({landed_day for days in sizes.values() for landed_day in days})
    closed = {closed_day for dataset in sizes for closed_day in look.manifests.closed_days(dataset)}
    since = look.valid_from or date.min
    first = beginning(known_day for known_day in {*landed, *closed} if since <= known_day <= day)
    if first is None:
        raise UsageError(
            f"There is no day to close: {_why_none(landed, look.valid_from)}.",
            next_step="Land events with `matinee ingest --from PATH`, or name a later day.",
            facts={"datasets": ", ".join(datasets), "day": day},
        )
    left = [landed_day for landed_day in landed if since <= landed_day < first and landed_day not in closed]
    if left:
        log.warning(
            "%d days with rows before %s, the first of them %s, stay as they are: a week without rows lies between.",
            *(len(left), first, left[0]),
        )
    empty = {*day_range(first, day)} - {*landed, *closed}
    if len(empty) > EMPTY_DAYS and not (look.lake.settings.valid_from or look.manifests.begun):
        raise UsageError(
            f"{day} is not closed: {len(empty)} of the days from {first} on have no rows: is a clock wrong?",
            next_step="Name the lake's first day: `matinee lake begin DAY`, or MATINEE_VALID_FROM. Then close again.",
            facts={"first_day": first, "day": day, "empty_days": len(empty)},
        )
    wanted = [
        Manifest(dataset, each, days[each].rows if each in days else 0, True, None, at)
        for dataset, days in sizes.items()
        for each in day_range(first, day)
    ]
    return declare(lake, changes(lake, wanted))


def _why_none(landed: list[date], first: date | None) -> str:
    if not landed:
        return "nothing was landed yet"
    return f"the lake begins with {first}" if first else f"the first landed day is {landed[0]}"


def beginning(days: Iterable[date]) -> date | None:
    """Return the first day of the last run of days; a gap of more than a week ends a run."""
    first: date | None = None
    for day in sorted(days, reverse=True):
        if first is not None and first - day > SILENCE:
            break
        first = day
    return first


def begin(lake: Lake, day: date, at: datetime) -> date | None:
    """Declare the first day of the lake; days from it on are open until they are landed and closed.

    Returns:
        The earlier first day; None if the lake had none.

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
    if look.manifests.begun != day:  # A day that was guessed so far is named by now.
        declare(lake, [Manifest(BEGIN, day, 0, False, None, at)])
    return before


def _no_beginning(look: Look, day: date, at: datetime) -> str:
    registry = look.lake.registry
    registry.require_all("The lake gets no other first day, as not every dataset is known")
    earliest = min(contract.earliest_event for contract in registry.all() if contract.kind == "event")
    if look.lake.settings.valid_from is not None:
        return f"MATINEE_VALID_FROM says {look.lake.settings.valid_from}"
    if day < earliest:
        return f"events before {earliest} are not taken"
    if day > at.date() + DAY:
        return f"it lies beyond tomorrow, {at.date() + DAY}"
    # Days before the first day count as valid: no published day may come to lie there.
    kept = [contract.dataset for contract in registry.all() if contract.kind in {"derived", "event"}]
    dropped = next((dataset for dataset in kept if day < look.begin(dataset)), None)
    if dropped:
        return f"{dropped} keeps its days from {look.begin(dropped)} on"
    published = [look.history(contract.dataset) for contract in registry.all() if contract.transform]
    seen = ((known, published_day) for known in published for published_day in known.newest_notes)
    lost = min(
        (published_day for known, published_day in seen if (known.begin or date.min) <= published_day < day),
        default=None,
    )
    return f"{lost} was published already" if lost else ""
