"""Who needs old days: runs by what their key reads, sets and live tables by what they hold; nobody for ever."""

from datetime import UTC, date, datetime

import pytest
from tests.support.lakes import D1, D2, D3, arrow, core_play, kept, land, prepare, raw_play

from matinee.contracts.model import live_name
from matinee.ledger import pins
from matinee.ledger.pinned_sets import hold
from matinee.maintenance.needs import needs
from matinee.table import names, refs
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)], close=False)


kept_lake, lake = kept(fill)


def needed(lake: Lake, before: date = D3, now: datetime = NOW, dataset: str = RAW) -> list[tuple[date, str]]:
    """The first day that somebody needs, and who."""
    those = needs(lake, lake.registry.get(dataset), lake.table(dataset), before, now)
    return [(need.first, need.who) for need in those]


def read_by(lake: Lake, run: str) -> None:
    pins.hold(lake, run, {RAW: refs.head(lake.table(RAW))})


def test_nobody_at_work_needs_nothing(lake: Lake) -> None:
    assert needed(lake) == []


@pytest.mark.parametrize(
    ("run", "first"),
    [
        ("core_plays_20260302_x", D2),
        ("core_plays_20260301_20260302_x", D1),
        ("nobody_knows_20260302_x", D1),
    ],
)
def test_a_run_needs_the_days_that_its_key_reads_else_all_of_its_snapshot(lake: Lake, run: str, first: date) -> None:
    read_by(lake, run)
    assert needed(lake) == [(first, f"the run {run}")]


def test_a_run_that_reads_later_days_only_needs_no_old_day(lake: Lake) -> None:
    read_by(lake, "core_plays_20260303_x")
    assert needed(lake) == []


def test_a_pin_that_has_ended_needs_nothing(lake: Lake) -> None:
    read_by(lake, "core_plays_20260302_x")
    assert needed(lake, now=LATER) == []


@pytest.mark.parametrize(("before", "first"), [(D3, [D1]), (D1, [])])
def test_a_pinned_set_needs_the_first_day_that_its_snapshot_has(lake: Lake, before: date, first: list[date]) -> None:
    hold(lake, {RAW: refs.head(lake.table(RAW))}, LATER.date(), "a paper", "ana")
    assert [day for day, _ in needed(lake, before)] == first


def test_a_branch_at_work_needs_its_own_days_and_those_that_it_reads(lake: Lake) -> None:
    prepare(lake, PLAYS, D2, [core_play(D2)])
    [(first, who)] = needed(lake)
    assert (first, who.startswith(f"the branch {names.AUDIT}core_plays_20260302")) == (D2, True)
    [(first, _)] = needed(lake, dataset=PLAYS)
    assert first == D2


def live_rows(lake: Lake, day: date) -> None:
    name = live_name(ATTRIBUTIONS)
    table = lake.ensure(name)
    row: dict[str, object] = {"play_id": "p", "profile_id": "a", "title_id": "t", "play_day": day, "profile_bucket": 0}
    table.append(arrow(table, [row | {"start_ts": NOW}]))


def test_a_live_table_needs_the_days_that_its_first_day_reads(lake: Lake) -> None:
    live_rows(lake, D2)
    assert needed(lake) == [(D2, f"the live table {live_name(ATTRIBUTIONS)}")]
