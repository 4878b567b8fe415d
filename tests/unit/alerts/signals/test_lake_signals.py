"""What the registers of a lake show: healer, stream, quarantine."""

from datetime import datetime, timedelta
from pathlib import Path

from tests.support.lakes import D1, D2, at, land_days, leave_out, make_lake

from matinee.alerts.model import Identity
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import completeness, days, healing, parity, quarantine, rehash, stream, upkeep
from matinee.alerts.signals.outlook import Outlook
from matinee.healing.register import Decision
from matinee.healing.register import record as decide
from matinee.live import register as live
from matinee.table.catalog import Lake
from matinee.table.registers import stamp
from matinee.validity.validity import Validity


def outlook(lake: Lake, now: datetime | None = None) -> Outlook:
    return Outlook(lake.settings, AlertSettings(), now or stamp())


def test_an_empty_lake_shows_nothing(tmp_path: Path) -> None:
    looks = (completeness, healing, parity, quarantine, rehash, stream, upkeep)
    seen = outlook(make_lake(tmp_path))
    assert [list(each.look(seen)) for each in looks] == [[]] * len(looks)


def test_the_last_decision_on_a_day_counts(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for day, *kinds in ((D1, "human", "wait"), (D2, "wait", "human")):
        for number, kind in enumerate(kinds):
            decided = Decision("h", number, "core.plays", day, kind, "rows are gone", "no curve", recorded_ts=stamp())
            decide(lake, [decided])
    [signal] = healing.look(outlook(lake))
    assert signal.witness == f"healer: core.plays {D2}"
    assert Identity.of_day("needs_a_person", "core.plays", D2) == signal.identity


def test_a_pause_is_what_the_lag_of_the_stream_follows_from(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    live.record(lake, live.Tick("ran", lag_s=60))
    live.record(lake, live.Tick("paused", reason="upgrade"))
    pause, lag = stream.look(outlook(lake, stamp() + timedelta(hours=1)))
    assert [edge.to for edge in lag.edges] == [pause.identity]
    assert 3660 <= lag.measured(stamp() + timedelta(hours=1)) < 3700


def test_good_rows_show_no_quarantine(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land_days(lake, D1)
    assert list(quarantine.look(outlook(lake, at(D1)))) == []


def test_a_contract_that_cannot_be_used_shows_and_upkeep_stays_silent(tmp_path: Path) -> None:
    lake = leave_out(make_lake(tmp_path), "core.impressions")
    seen = outlook(lake)
    seen.__dict__ |= {"lake": lake, "validity": Validity(lake)}
    [signal] = days.look(seen)
    assert (signal.identity, signal.dataset) == (Identity("contract", "core.impressions"), "core.impressions")
    assert signal.measured(stamp()) > timedelta(days=9999).total_seconds()
    assert list(upkeep.look(seen)) == []
