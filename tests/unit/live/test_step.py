"""Steps: which landings the next step takes, and what it knows of the tables before it runs. No engine."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.support.lakes import D1, D2, D3, at, kept, land, raw_impression, raw_play

from matinee import __version__
from matinee.contracts.model import live_name
from matinee.live.catch_up import ensure_current
from matinee.live.groups import Group, groups
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES
from matinee.live.progress import Progress
from matinee.live.step import Step, made_by, next_step
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

IMPRESSIONS, PLAYS = "raw.impressions", "raw.plays"
HOUR = timedelta(hours=1)


def fill(lake: Lake) -> None:
    for seq, received in ((1, at(D1)), (2, at(D1) + HOUR)):
        rows = [raw_impression(D1, f"e{seq}", received_ts=received)]
        land(lake, IMPRESSIONS, rows, seq=seq, received=received, close=False)
    land(lake, PLAYS, [raw_play(D1)], received=at(D1), close=False)
    ensure_current(lake, group_of(lake))


kept_lake, lake = kept(fill)


def group_of(lake: Lake) -> Group:
    [group] = groups(lake)
    return group


def followed(lake: Lake, dataset: str, done: Progress) -> None:
    commit_nothing(lake, live_name(dataset), refs.MAIN, done.to_summary())


def step_of(lake: Lake) -> Step:
    step = next_step(lake, None, group_of(lake))  # type: ignore[arg-type]
    assert step is not None
    return step


def taken(lake: Lake) -> list[tuple[str, int]]:
    return [(landing.dataset, landing.landing_seq) for landing in step_of(lake).landings()]


def test_the_first_step_takes_all_that_is_landed(lake: Lake) -> None:
    assert taken(lake) == [(IMPRESSIONS, 1), (IMPRESSIONS, 2), (PLAYS, 1)]


def test_a_step_takes_what_was_landed_since_the_table_that_is_behind(lake: Lake) -> None:
    followed(lake, ATTRIBUTIONS, Progress({IMPRESSIONS: 2, PLAYS: 1}))
    followed(lake, OUTCOMES, Progress({IMPRESSIONS: 1, PLAYS: 1}))
    assert taken(lake) == [(IMPRESSIONS, 2)]


def test_tables_that_hold_all_that_is_landed_have_no_next_step(lake: Lake) -> None:
    for dataset in (ATTRIBUTIONS, OUTCOMES):
        followed(lake, dataset, Progress({IMPRESSIONS: 2, PLAYS: 1}))
    assert next_step(lake, None, group_of(lake)) is None  # type: ignore[arg-type]


def test_labels_are_as_of_the_watermark_and_never_of_an_earlier_instant(lake: Lake) -> None:
    watermark = at(D1) - timedelta(minutes=10)
    assert step_of(lake)._as_of == watermark
    done = Progress({IMPRESSIONS: 1, PLAYS: 1}, as_of=watermark + HOUR)
    followed(lake, ATTRIBUTIONS, done)
    followed(lake, OUTCOMES, replace(done, as_of=None))
    assert step_of(lake)._as_of == watermark + HOUR


@pytest.mark.parametrize(("expired", "left"), [((None, None), [D1, D2, D3]), ((D1, None), [D2, D3]), ((D1, D2), [D3])])
def test_no_row_is_put_into_a_day_that_has_expired_in_either_table(
    lake: Lake, expired: tuple[date | None, date | None], left: list[date]
) -> None:
    for dataset, day in zip((ATTRIBUTIONS, OUTCOMES), expired, strict=True):
        followed(lake, dataset, Progress({IMPRESSIONS: 1}, expired=day))
    assert [day for day in (D1, D2, D3) if step_of(lake)._view.has(day)] == left


def test_rows_are_made_by_a_version_of_the_contract_and_of_the_code(lake: Lake) -> None:
    assert made_by(lake.registry.get(ATTRIBUTIONS)) == ("1.0.0", __version__)
