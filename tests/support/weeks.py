"""A lake with a tiny weekly dataset, which has nothing to do with averages: plays by device in the week to a Sunday."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from matinee.contracts.stamps import day_stamp
from matinee.days import day_range
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import drop_branches, move_to_main
from matinee.publication.terms import row_terms
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.support.lakes import core_play, land, make_lake, pin, prepare, raw_play

WEEKS = "reports.plays_by_device"
RAW, PLAYS = "raw.plays", "core.plays"
#: The lake begins with a Wednesday. Then come three Sundays, and the Wednesday between the last two.
BEGIN, W1, W2, W3 = date(2026, 2, 25), date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 15)
WEDNESDAY = date(2026, 3, 11)


def with_weeks(settings: Settings, folder: Path, *properties: str, of_input: str = "") -> Settings:
    """Settings whose datasets are the shipped ones without features, and the weekly one.

    Args:
        settings: of the shipped datasets.
        folder: where the contracts are copied to, if they are not there.
        properties: custom properties of the weekly dataset, such as "history: newest".
        of_input: what its input says beside, such as "on_restated: outdated".
    """
    sql = folder / "sql"
    if not sql.is_dir():
        shutil.copytree(settings.sql_dir, sql, ignore=shutil.ignore_patterns("features"))
        shutil.copytree(Path(__file__).parent / "weekly", sql, dirs_exist_ok=True)
        file = sql / Path(*WEEKS.split(".")) / "contract.odcs.yaml"
        text = file.read_text().replace("lookback: 6d", ", ".join(filter(None, ("lookback: 6d", of_input))))
        for name, _, value in (stated.partition(": ") for stated in properties):
            text = text.replace("customProperties:\n", f"customProperties:\n  - {{property: {name}, value: {value}}}\n")
        file.write_text(text)
    return settings.model_copy(update={"sql_dir": sql})


def weekly(*properties: str, of_input: str = "") -> Callable[[Path], Lake]:
    """Return what opens an embedded lake with the weekly dataset, its contracts beside its home; see `with_weeks`."""
    return lambda home: Lake.open(with_weeks(make_lake(home).settings, home.parent, *properties, of_input=of_input))


def with_plays(lake: Lake) -> None:
    """Publish core.plays through the third Sunday."""
    publish_plays(lake, day_range(BEGIN, W3))


def publish_plays(lake: Lake, days: Iterable[date], generation: int = 1, stamp: str = "a" * 16) -> None:
    """Land one play a day, and publish the days of core.plays."""
    for day in days:
        if generation == 1:
            land(lake, RAW, [raw_play(day)])
        run = prepare(
            lake,
            PLAYS,
            day,
            [core_play(day)],
            pins=(pin(lake, RAW, {day: 1}),),
            generation=generation,
            stamps={None: stamp},
        )
        move_to_main(lake, run, lambda _: ())
        drop_branches(lake.table(PLAYS), run)


def publish_week(lake: Lake, key: date, *, generation: int = 1, read: int = 1, stamp: str = "a" * 16) -> None:
    """Publish a key of the weekly dataset that has read the seven days before it, each under a generation."""
    days = [day for day in day_range(key - timedelta(days=6), key) if day >= BEGIN]
    pinned = pin(lake, PLAYS, dict.fromkeys(days, read))
    stamps = dict.fromkeys(days, day_stamp({None: stamp}) or "")
    pinned = replace(pinned, stamps=stamps, buckets=lake.registry.get(PLAYS).cells.buckets)
    row = {"device": "tv", "plays": 7, "week_end": key}
    terms = row_terms(lake.registry.get(WEEKS))
    run = prepare(lake, WEEKS, key, [row], pins=(pinned,), generation=generation, terms=terms)
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(WEEKS), run)


def withdraw_day(lake: Lake, dataset: str, day: date) -> None:
    """Withdraw a published day."""
    newest = history(lake, dataset).newest(day)
    assert newest is not None
    withdraw(lake, newest, "wrong")


def vtts(lake: Lake) -> datetime | None:
    """Until when the weekly dataset can be trusted."""
    return Validity(lake).vtts(WEEKS).vtts


def stale(lake: Lake) -> list[tuple[str, date]]:
    """The keys of the weekly dataset that a heal would derive again."""
    return [(stale_day.dataset, stale_day.day) for stale_day in stale_days(lake) if stale_day.dataset == WEEKS]
