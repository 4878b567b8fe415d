"""Signals from the registers: a stream that is paused or lags, days for a person, live days that differ."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, make_lake

from matinee.alerts.model import Signal
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import healing, parity, stream
from matinee.alerts.signals.outlook import Outlook
from matinee.healing.register import Decision
from matinee.healing.register import record as decide
from matinee.live.register import Tick
from matinee.live.register import record as note
from matinee.parity.register import Parity
from matinee.parity.register import record as compare
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def outlook(lake: Lake, at: datetime | None = None) -> Outlook:
    return Outlook(lake.settings, AlertSettings(), at or stamp())


def test_a_lake_without_registers_gives_no_signal(lake: Lake) -> None:
    looks = (healing.look, parity.look, stream.look)
    assert [signal for look in looks for signal in look(outlook(lake))] == []


def test_a_paused_stream_gets_older_until_it_is_resumed(lake: Lake) -> None:
    note(lake, Tick("paused", reason="a release"))
    [signal] = stream.look(outlook(lake))
    assert (signal.identity.what, signal.measured(stamp() + HOUR) > HOUR.total_seconds()) == ("paused", True)
    assert signal.says.endswith("a release")
    note(lake, Tick("resumed", reason="over"))
    assert list(stream.look(outlook(lake))) == []


def test_the_newest_tick_tells_the_lag(lake: Lake) -> None:
    for lag_s in (5.0, 40.0):
        note(lake, Tick("ran", rows_landed=1, lag_s=lag_s))
    [signal] = stream.look(outlook(lake))
    assert (signal.identity.what, signal.value) == ("behind", 40.0)


def test_the_lag_of_two_days_ago_is_no_signal(lake: Lake) -> None:
    note(lake, Tick("ran", rows_landed=1, lag_s=40.0))
    assert list(stream.look(outlook(lake, stamp() + 48 * HOUR))) == []


def test_a_day_for_a_person_is_told_until_the_healer_decides_otherwise(lake: Lake) -> None:
    now = stamp()
    calls = Decision("h1", 1, "core.plays", D1, "human", "late", "300 rows are missing", recorded_ts=now)
    decide(lake, [calls])
    [signal] = healing.look(outlook(lake, now + HOUR))
    assert (str(signal.identity), signal.dataset) == ("core.plays needs a person, 2026-03-01", "core.plays")
    assert "300 rows are missing" in signal.says
    assert list(healing.look(outlook(lake, now + 72 * HOUR))) == []
    decide(lake, [replace(calls, heal_id="h2", decision="wait", recorded_ts=now + HOUR)])
    assert list(healing.look(outlook(lake, now + 2 * HOUR))) == []


def seen(lake: Lake, *differing: int) -> list[Signal]:
    for rows in differing:
        compare(lake, Parity("core.plays", D1, "p1", 1, 10, 0, rows, {"lost": rows} if rows else {}, {}))
    return list(parity.look(outlook(lake)))


def test_a_live_day_that_differs_is_told_with_its_causes(lake: Lake) -> None:
    [signal] = seen(lake, 2)
    assert (signal.value, signal.says) == (0.2, "2 of 10 live rows of core.plays 2026-03-01 differ (2 lost)")


def test_a_live_day_that_was_repaired_is_no_signal(lake: Lake) -> None:
    assert seen(lake, 2, 0) == []


def test_a_register_is_read_again_once_it_changed(lake: Lake) -> None:
    memory: dict[object, object] = {}
    reads = []

    def read(_: Lake) -> int:
        reads.append(1)
        return len(reads)

    note(lake, Tick("paused"))
    looks = [Outlook(lake.settings, AlertSettings(), stamp(), memory) for _ in range(3)]
    assert [look.unless_changed("ops.stream_ticks", read) for look in looks[:2]] == [1, 1]
    note(lake, Tick("resumed"))
    assert looks[2].unless_changed("ops.stream_ticks", read) == 2
