"""A late event changes no cell beyond its reach: the reference is derived with the event and without it."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.transforms.rows import D0, D1, D2, at, landed_impression, landed_play
from tests.support import reference

from matinee.contracts.registry import Registry
from matinee.settings import CHECKOUT
from matinee.transforms.reach import Span, reached_days

Row = dict[str, Any]
Cells = dict[tuple[str, date, int], list[Row]]
SHIPPED = Registry.load(CHECKOUT / "sql")
OF = {"impression": "core.impressions", "play": "core.plays"}
DAY_OF = {
    "core.impressions": "event_day",
    "core.plays": "event_day",
    "core.play_attributions": "play_day",
    "core.impression_plays": "event_day",
}


def reached(
    kind: str, span: Span, window: timedelta = timedelta(hours=24), min_delay: timedelta = timedelta(0)
) -> Mapping[str, tuple[date, ...]]:
    """Return the days that events of a kind reach, where the contracts have other parameters."""
    names = {"attribution.window": window, "attribution.min_delay": min_delay}
    parameters = {name: f"{length // timedelta(seconds=1)}s" for name, length in names.items()}
    contracts = {
        name: contract.with_parameters(parameters) if "attribution.window" in contract.parameters else contract
        for name, contract in SHIPPED.contracts.items()
    }
    return reached_days(Registry(contracts), OF[kind], span)


def derived(impressions: list[Row], plays: list[Row], window: timedelta, min_delay: timedelta) -> Cells:
    """Derive all four datasets by the reference and return their rows by cell."""
    shown, played = reference.impressions(impressions), reference.plays(plays)
    attributed = reference.play_attributions(played, shown, window, min_delay)
    tables = {
        "core.impressions": shown,
        "core.plays": played,
        "core.play_attributions": attributed,
        "core.impression_plays": reference.impression_plays(shown, attributed, window, None),
    }
    cells: Cells = {}
    for name, rows in tables.items():
        for row in rows:
            cells.setdefault((name, row[DAY_OF[name]], row["profile_bucket"]), []).append(row)
    return {cell: sorted(rows, key=str) for cell, rows in cells.items()}


def changed(before: Cells, after: Cells) -> set[tuple[str, date, int]]:
    return {cell for cell in before.keys() | after.keys() if before.get(cell) != after.get(cell)}


def event(draw: random.Random, kind: str, number: int) -> Row:
    when = draw.choice((at("23:30", D0), at("00:00"), at("12:00"), at("23:59:59"), at("00:10", D2)))
    when += draw.choice((0, 1, 60, 3_600, 5_400)) * timedelta(seconds=1)
    given_to = {"profile_id": draw.choice("ab"), "title_id": draw.choice("tu")}
    if kind == "impression":
        return landed_impression(f"e{number}", when, **given_to)
    return landed_play(f"p{number}", when, **given_to)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_a_late_event_changes_no_cell_beyond_its_reach(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - tests are seeded, nothing is secret
    window = draw.choice((timedelta(hours=24), timedelta(minutes=90), timedelta(hours=40)))
    min_delay = draw.choice((timedelta(0), timedelta(hours=1), timedelta(minutes=90)))
    impressions = [event(draw, "impression", number) for number in range(draw.randrange(7))]
    plays = [event(draw, "play", number) for number in range(draw.randrange(7))]
    late = event(draw, kind := draw.choice(("impression", "play")), 9)
    before = derived(impressions, plays, window, min_delay)
    more = ([*impressions, late], plays) if kind == "impression" else (impressions, [*plays, late])
    after = derived(*more, window, min_delay)
    instant = late["event_ts" if kind == "impression" else "start_ts"]
    bucket = reference.bucket(late["profile_id"])
    days_of = reached(kind, Span(instant, instant), window, min_delay)
    allowed = {(name, day, bucket) for name, days in days_of.items() for day in days}
    assert changed(before, after) <= allowed


@pytest.mark.parametrize(
    ("kind", "instant", "expected"),
    [
        ("impression", at("02:00"), {"core.play_attributions": (D1, D2), "core.impression_plays": (D0, D1)}),
        ("play", at("02:00"), {"core.play_attributions": (D1,), "core.impression_plays": (D0, D1)}),
    ],
)
def test_with_a_day_as_window_an_event_reaches_the_days_beside_its_own(
    kind: str, instant: datetime, expected: dict[str, tuple[date, ...]]
) -> None:
    days_of = reached(kind, Span(instant, instant))
    assert {name: days_of[name] for name in expected} == expected


def test_a_least_delay_past_midnight_leaves_the_events_own_day_out() -> None:
    days_of = reached("impression", Span(at("23:30"), at("23:30")), min_delay=timedelta(hours=1))
    assert days_of["core.play_attributions"] == (D2,)


def test_a_window_shorter_than_the_delay_attributes_nothing() -> None:
    days_of = reached("play", Span(at("12:00"), at("12:00")), timedelta(minutes=1), timedelta(days=3))
    assert days_of["core.impression_plays"] == ()


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("kind", list(OF))
def test_the_reach_of_an_event_at_an_end_of_the_calendar_ends_there(kind: str, day: date) -> None:
    assert {day in days for days in reached(kind, Span.of_day(day)).values()} == {True}


def test_a_transform_without_a_reach_of_its_own_reaches_whole_days() -> None:
    contracts = {
        name: replace(contract, transform=contract.transform and "transform.sql")
        for name, contract in SHIPPED.contracts.items()
    }
    days_of = reached_days(Registry(contracts), OF["impression"], Span(at("02:00"), at("02:00")))
    assert days_of["core.play_attributions"] == (D1, D2)
    assert days_of["core.impression_plays"] == (D0, D1, D2)
