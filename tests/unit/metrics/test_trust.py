"""Trust, landings and publications are told as instants and numbers."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, PLANNED, make_lake
from tests.support.metrics import publish, told

from matinee.days import end_of, start_of
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.metrics.trust import trust
from matinee.table.catalog import Lake

PLAYS = ("core.plays",)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_trust_is_told_as_instants(lake: Lake) -> None:
    publish(lake)
    seen = told(trust(lake.settings))
    assert seen["vtts_timestamp_seconds", *PLAYS] == end_of(D1).timestamp()
    assert seen["vtts_timestamp_seconds", "core.impressions"] == start_of(D1).timestamp()
    assert seen["held", *PLAYS, *PLAYS, "unpublished"] == 1
    assert seen["freshness_target_seconds", *PLAYS] > 3600


def test_what_was_landed_and_published_is_told(lake: Lake) -> None:
    publish(lake)
    seen = told(trust(lake.settings))
    assert seen["landed_timestamp_seconds", "raw.plays"] == PLANNED.timestamp()
    assert seen["newest_landed_day_timestamp_seconds", "raw.plays"] == start_of(D2).timestamp()
    assert seen["newest_landed_day_rows", "raw.plays"] == 1
    assert seen["newest_published_day_timestamp_seconds", *PLAYS] == start_of(D1).timestamp()
    assert (seen["newest_published_day_rows", *PLAYS, "in"], seen["publications", *PLAYS, "published"]) == (2, 1)


def test_a_withdrawal_is_told(lake: Lake) -> None:
    publish(lake)
    newest = history(lake, "core.plays").newest(D1)
    assert newest is not None
    withdraw(lake, newest, "wrong")
    seen = told(trust(lake.settings))
    assert seen["held", *PLAYS, *PLAYS, "withdrawn"] == 1
    assert seen["publications", *PLAYS, "withdrawn"] == 1
