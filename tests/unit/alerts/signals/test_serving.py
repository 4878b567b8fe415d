"""What is wrong with served versions is a signal, until it is set right."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, in_process, offer, publish_offers, served_settings, versions_of

from matinee.alerts.judging import alarms
from matinee.alerts.model import Edge, Identity, Sighting, Signal
from matinee.alerts.rules.loader import load
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import serving
from matinee.alerts.signals.outlook import Outlook
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.serving.activation import activate
from matinee.serving.building import build
from matinee.serving.gate import judge
from matinee.serving.step import step
from matinee.settings import CHECKOUT
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

__all__ = ["in_process"]
HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path, in_process: None) -> Lake:
    lake = Lake.open(served_settings(tmp_path, "gates:\n  removed: 0.1\n"))
    publish_offers(lake, [offer("de", "t1"), offer("de", "t2")])
    return lake


def seen(lake: Lake) -> list[Signal]:
    return [*serving.look(Outlook(lake.settings, AlertSettings(), stamp()))]


def told(lake: Lake, later: timedelta) -> list[str]:
    """What the shipped rule tells at a later instant, of what is seen now since an hour."""
    now = stamp()
    sighted = [Sighting(signal, now - HOUR) for signal in seen(lake)]
    at: datetime = now + later
    return [alarm.signal.witness for alarm in alarms(load(CHECKOUT / "sql" / "alerts"), sighted, at)]


def test_a_dataset_without_an_active_version_is_told_until_it_has_one(lake: Lake) -> None:
    assert told(lake, HOUR) == [f"served {OFFERS}"]
    step(lake.settings, OFFERS)
    assert seen(lake) == []
    versions_of(lake).files.delete(str(versions_of(lake).pointer().active))
    assert told(lake, HOUR) == [f"served {OFFERS}"]


def test_a_publication_that_is_not_served_is_told_after_three_hours(lake: Lake) -> None:
    step(lake.settings, OFFERS)
    publish_offers(lake, [offer("de", "t1", D2), offer("de", "t2", D2)], D2)
    [signal] = seen(lake)
    assert (signal.witness, told(lake, 2 * HOUR)) == (f"served rows of {OFFERS}", [])
    assert told(lake, 4 * HOUR) == [f"served rows of {OFFERS}"]
    step(lake.settings, OFFERS)
    assert seen(lake) == []


def test_withdrawn_rows_are_told_at_once_and_follow_from_their_day(lake: Lake) -> None:
    step(lake.settings, OFFERS)
    newest = history(lake, "core.plays").newest(D1)
    assert newest is not None
    withdraw(lake, newest, "wrong prices")
    [signal] = seen(lake)
    assert signal.edges == (Edge("lineage", Identity.of_day("withdrawn", "core.plays", D1)),)
    assert "2026-03-01: core.plays 2026-03-01 is withdrawn: wrong prices" in signal.says
    assert told(lake, HOUR) == [f"withdrawn rows of {OFFERS}"]


def test_a_version_that_failed_its_gate_is_told_until_it_is_active(lake: Lake) -> None:
    step(lake.settings, OFFERS)
    publish_offers(lake, [offer("de", "t1")], D1, attempt="again")
    version = build(lake, OFFERS).version
    assert not judge(lake, OFFERS, version).has_passed
    assert told(lake, HOUR) == [f"gate of {OFFERS}"]
    activate(versions_of(lake), version, "me", "one title left", force=True)
    assert seen(lake) == []


def test_what_is_served_by_hand_is_not_told_to_be_behind(tmp_path: Path, in_process: None) -> None:
    lake = Lake.open(served_settings(tmp_path, "when: by_hand\n"))
    publish_offers(lake, [offer("de", "t1")])
    assert seen(lake) == []
