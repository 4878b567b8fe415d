"""Repair and expiry of live days: what is refused before an engine is started."""

from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, make_lake

from matinee.contracts.model import live_name
from matinee.errors import UsageError
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES
from matinee.live.progress import Progress
from matinee.live.repair import expire, repair
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def followed(lake: Lake, expired: date | None = None) -> None:
    for dataset in (ATTRIBUTIONS, OUTCOMES):
        lake.ensure(live_name(dataset))
        done = Progress({"raw.impressions": 1, "raw.plays": 1}, expired=expired)
        commit_nothing(lake, live_name(dataset), refs.MAIN, done.to_summary())


def refused(lake: Lake, day: date) -> object:
    with pytest.raises(UsageError, match=f"The live tables do not have {day}") as raised:
        repair(lake.settings, day)
    return raised.value.facts["expired"]


def test_a_day_is_not_repaired_where_nothing_was_followed(lake: Lake) -> None:
    assert refused(lake, D1) is None


@pytest.mark.parametrize("day", [D1, D2])
def test_a_day_that_has_expired_is_not_repaired(lake: Lake, day: date) -> None:
    followed(lake, expired=D2)
    assert refused(lake, day) == D2


def test_without_live_tables_nothing_expires(lake: Lake) -> None:
    assert expire(lake.settings) is None


@pytest.mark.parametrize("expired", [None, D3])
def test_no_live_day_expires_before_its_batch_is_mature(lake: Lake, expired: date | None) -> None:
    followed(lake, expired)
    assert expire(lake.settings) == expired
