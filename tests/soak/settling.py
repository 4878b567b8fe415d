"""Before a soak: a lake with its first days. After a soak: nothing is stale, and all equals a full recompute."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from matinee.errors import InputsNotValidError
from matinee.healing import healer
from matinee.healing.late import stale_days
from matinee.landing.ingest import close_through, ingest
from matinee.maintenance.leftovers import clean, leftovers
from matinee.maintenance.upkeep import recover_all
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.soak.events import BASE_ROWS, DAYS, LANDED, RAW, base
from tests.soak.invariants import Violation
from tests.soak.witness import CHAIN, Witness

ROUNDS = 8


def begin(settings: Settings, folder: Path, seed: int) -> None:
    """Land the first files, close their days and publish them all."""
    landing = folder / "landing"
    landing.mkdir(parents=True)
    first = base(seed)
    for dataset, (word, _, _) in RAW.items():
        (landing / f"{word}-base.jsonl").write_text(first.lines(dataset, BASE_ROWS))
    ingest(settings, None, [landing], LANDED)
    close_through(settings, None, DAYS[-1], LANDED)
    _publish_all(settings)


def settle(settings: Settings) -> Iterator[Violation]:
    """Bring the lake to rest: clean up, publish what is withdrawn, heal what is stale; yield what stays unsettled."""
    lake = Lake.open(settings)
    for leftover in list(leftovers(lake)):
        clean(lake, leftover)
    recover_all(settings)
    close_through(settings, None, DAYS[-1], LANDED)
    for _ in range(ROUNDS):
        # Either may wait for the other: a withdrawn day for a stale input, a stale day for a withdrawn one.
        healer.apply(settings)
        _restore(settings, lake)
        if not list(_unsettled(lake)):
            break
    yield from _unsettled(lake)


def judge(settings: Settings, folder: Path) -> Iterator[Violation]:
    """Yield what a last look finds, and the tables in which a full recompute of all days finds other rows."""
    lake = Lake.open(settings)
    yield from Witness(lake, folder).look()
    healed = {name: _rows(lake, name) for name in CHAIN}
    _publish_all(settings)
    for name in CHAIN:
        before, after = set(healed[name]), set(again := _rows(lake, name))
        if healed[name] != again:
            sample = [*sorted(before - after)[:1], *sorted(after - before)[:1]]
            yield Violation("recomputed", name, f"{len(before ^ after)} rows are others, such as {' ▸ '.join(sample)}")
    yield from Witness(lake, folder).look()


def _publish_all(settings: Settings) -> None:
    for name in CHAIN:
        run(settings, RunRequest(name, DAYS[0], DAYS[-1]))


def _restore(settings: Settings, lake: Lake) -> None:
    """Publish again what is withdrawn or was set back, inputs first; all else is the healer's."""
    for name in CHAIN:
        validity = Validity(lake)
        for day in DAYS:
            reason = validity.status(name, day).reason
            if reason is not None and reason.kind in ("withdrawn", "set_back"):
                with suppress(InputsNotValidError):
                    run(settings, RunRequest(name, day, day))


def _unsettled(lake: Lake) -> Iterator[Violation]:
    yield from (
        Violation("unsettled", stale.dataset, f"{stale.day} is stale: {stale.cause}") for stale in stale_days(lake)
    )
    validity = Validity(lake)
    for name in CHAIN:
        for day in DAYS:
            reason = validity.status(name, day).reason
            if reason is not None:
                yield Violation("unsettled", name, f"{day} is not valid: {reason.detail}")


def _rows(lake: Lake, dataset: str) -> list[str]:
    return sorted(map(str, lake.table(dataset).scan().to_arrow().to_pylist()))
