"""What is wrong with a real lake is an alarm by the shipped rules, and what was set right is none."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import (
    D1,
    D2,
    D3,
    NOON,
    arrow,
    at,
    close_days,
    core_play,
    heard,
    land,
    make_lake,
    pin,
    prepare,
    raw_play,
)
from tests.support.ticks import without_engine

from matinee.alerts.judging import alarms
from matinee.alerts.model import Sighting, Signal
from matinee.alerts.rules.loader import load
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import completeness, parity, quarantine, rehash, upkeep
from matinee.alerts.signals.outlook import Outlook
from matinee.days import end_of
from matinee.errors import ContractError
from matinee.landing import rehashes
from matinee.landing.ingest import ingest
from matinee.landing.lander import Outcome
from matinee.maintenance.compaction import compact
from matinee.maintenance.retention import expire, plan_expiry
from matinee.parity.register import Parity, record
from matinee.publication.move import move_to_main
from matinee.settings import CHECKOUT
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import DONE, RETIREMENTS, Retirement
from matinee.table.registers import append_rows, stamp

RULES = load(CHECKOUT / "sql" / "alerts")
RAW, PLAYS = "raw.plays", "core.plays"
D4 = D3 + timedelta(days=1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def alarming(look: Callable[[Outlook], Iterable[Signal]], lake: Lake, now: datetime) -> dict[str, str]:
    """What a look sees that a shipped rule finds worth telling, since an hour: the rule, by witness."""
    seen = [Sighting(each, now - HOUR) for each in look(Outlook(lake.settings, AlertSettings(), now))]
    return {alarm.signal.witness: alarm.rule.name for alarm in alarms(RULES, seen, now)}


def compared(differing: int) -> Parity:
    causes = {"dropped": differing} if differing else {}
    return Parity("core.impression_plays", D1, "p1", 1, 1000, 10, differing, causes, {"label": 1 - differing / 990})


def test_a_live_day_that_differs_is_an_alarm_until_its_comparison_agrees(lake: Lake) -> None:
    seen = []
    for differing in (0, 1, 0):
        record(lake, compared(differing))
        seen.append(alarming(parity.look, lake, stamp()))
    assert seen == [{}, {f"parity of core.impression_plays {D1}": "stream_differs"}, {}]


def test_a_live_day_is_measured_by_its_scored_rows_that_differ(lake: Lake) -> None:
    record(lake, replace(compared(99), causes={"dropped": 90, "late": 9}))
    [signal] = parity.look(Outlook(lake.settings, AlertSettings(), stamp()))
    assert (signal.value, signal.says.partition(": ")[2]) == (0.1, "90 dropped, 9 late")


@pytest.mark.parametrize(("bad", "rules"), [(1, []), (2, ["bad_rows"])])
def test_more_than_a_twentieth_of_bad_rows_is_an_alarm(lake: Lake, tmp_path: Path, bad: int, rules: list[str]) -> None:
    good = '{{"play_id": "p{0}", "profile_id": "a", "title_id": "t", "start_ts": "2026-03-01T10:00:00Z"}}\n'
    file = tmp_path / "plays.jsonl"
    file.write_text("".join(good.format(number) for number in range(20)) + "no JSON\n" * bad)
    ingest(lake.settings, RAW, [file], at(D2))
    assert list(alarming(quarantine.look, lake, at(D2, NOON + HOUR)).values()) == rules
    assert alarming(quarantine.look, lake, at(D2, NOON + DAY + HOUR)) == {}


def fill_days(lake: Lake) -> None:
    """Publish three days of which a quarter of the plays came within the two hours after the day."""
    for day in (D1, D2, D3):
        received = [NOON, NOON, NOON, DAY + 2 * HOUR]
        rows = [{"play_id": f"p{n}", "received_ts": at(day, delay)} for n, delay in enumerate(received)]
        land(lake, RAW, [raw_play(day, **row) for row in rows], seq=day.day)  # type: ignore[arg-type]
        plays = [core_play(day, **row) for row in rows]  # type: ignore[arg-type]
        read = replace(pin(lake, RAW, {day: 1}), landing_seq=day.day)
        move_to_main(lake, prepare(lake, PLAYS, day, plays, pins=(read,), read=4), lambda _: ())


def test_rows_that_usually_have_come_by_this_time_of_the_day_are_an_alarm(lake: Lake) -> None:
    fill_days(lake)
    land(lake, RAW, [raw_play(D4, f"p{n}") for n in range(60)], seq=4, close=False)
    close_days(lake, RAW, {D4: 100})
    heard(lake, RAW, *(at(D4, hour * HOUR) for hour in range(-24 * 7, 30)))
    seen = {hour: alarming(completeness.look, lake, end_of(D4) + hour * HOUR) for hour in (0, 1, 3)}
    lost = {f"arrival of {RAW} {D4}": "lost_rows"}
    assert seen == {0: {}, 1: lost, 3: lost}
    land(lake, RAW, [raw_play(D4, f"late{n}") for n in range(15)], seq=5, close=False)
    assert alarming(completeness.look, lake, end_of(D4) + HOUR) == {}  # The others come in the next hour.
    assert alarming(completeness.look, lake, end_of(D4) + 3 * HOUR) == lost


def add_plays(lake: Lake, *names: str) -> None:
    """Commit plays of the first day, each in a file of its own."""
    for name in names:
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(D1, name)]))


def expire_all(lake: Lake, now: datetime) -> None:
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            expire(lake, plan_expiry(lake, contract.dataset, now))


def test_snapshots_that_should_have_expired_are_an_alarm_until_they_expire(lake: Lake) -> None:
    add_plays(lake, "a", "b", "c")
    due = stamp() + lake.registry.get(PLAYS).retain
    night, late = due - DAY, due + 2 * DAY + HOUR
    expire_all(lake, night)
    assert alarming(upkeep.look, lake, night + 2 * DAY) == {}  # The upkeep of a night may fail.
    assert alarming(upkeep.look, lake, late) == {f"expiry of {PLAYS}": "upkeep_not_run"}
    outlook = Outlook(lake.settings, AlertSettings(), late)
    overdue = [*upkeep.look(outlook)]
    broken = Outlook(lake.settings, AlertSettings(), late + HOUR, outlook.memory)
    wrong = ContractError("It cannot be read.", next_step="Fix the contract.")
    broken.lake = replace(lake, registry=replace(lake.registry, left_out={"core.other": wrong}))
    assert [*upkeep.look(broken)] == overdue
    expire_all(lake, late)
    assert alarming(upkeep.look, lake, late) == {}


def test_old_days_of_small_files_are_an_alarm_until_they_are_compacted(lake: Lake) -> None:
    add_plays(lake, *"abcd")
    now = end_of(D1) + 2 * DAY + HOUR
    assert alarming(upkeep.look, lake, now) == {}  # Four files of a cell are not worth a rewrite.
    add_plays(lake, *"efghijklmnop")
    assert alarming(upkeep.look, lake, now - 2 * HOUR) == {}
    assert alarming(upkeep.look, lake, now) == {f"compaction of {PLAYS}": "upkeep_not_run"}
    with without_engine():
        compact(lake.settings, PLAYS)
    assert alarming(upkeep.look, lake, now) == {}


def test_a_dataset_that_was_compacted_lately_is_no_alarm(lake: Lake) -> None:
    add_plays(lake, *(f"p{number}" for number in range(9)))
    with without_engine():
        compact(lake.settings, PLAYS)
    add_plays(lake, *(f"q{number}" for number in range(9)))
    witnesses = [alarming(upkeep.look, lake, stamp() + timedelta(days=days)) for days in (1, 3)]
    assert [f"compaction of {PLAYS}" in each for each in witnesses] == [False, True]


def test_a_rehash_that_runs_no_more_is_an_alarm(lake: Lake) -> None:
    rehashes.record(lake, ["raw.impressions", RAW], ())
    late = stamp() + timedelta(hours=51)
    assert alarming(rehash.look, lake, late - 2 * HOUR) == {}
    assert [*alarming(rehash.look, lake, late)] == ["rehash of raw.impressions", f"rehash of {RAW}"]


def test_a_rehash_of_what_lands_no_more_is_not_told(lake: Lake) -> None:
    rehashes.record(lake, [RAW, "raw.unknown"], ())
    lake.ensure(RAW)
    append_rows(lake, RETIREMENTS, [asdict(Retirement(RAW, DONE, "", "replaced", "me", stamp()))])
    late = stamp() + timedelta(hours=51)
    assert [*alarming(rehash.look, lake, late)] == [f"rehash of {RAW}"]
    lake.catalog.drop_table(RAW)
    assert alarming(rehash.look, Lake.open(lake.settings), late) == {}


def test_files_that_differ_are_an_alarm_until_a_rehash_finds_none(lake: Lake) -> None:
    seen = []
    for differs in (False, True, False):
        rehashes.record(lake, [RAW], [Outcome("plays-1", RAW, differs=differs)])
        seen.append(alarming(rehash.look, lake, stamp() + HOUR))
    assert seen == [{}, {f"landing files of {RAW} differ": "upkeep_not_run"}, {}]
