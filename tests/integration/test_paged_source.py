"""A source that no module knows, a paged HTTP API: a tick lands its pages, once each, and the live tables follow."""

import pytest
from tests.support import paged_api, streams
from tests.support.lakes import ids

from matinee.contracts.model import live_name
from matinee.live.impressions import ATTRIBUTIONS
from matinee.live.tick import tick
from matinee.settings import Settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark
PLAYS = "raw.plays"


def test_pages_of_an_api_are_landed_once_each_and_followed(settings: Settings) -> None:
    """A page whose content has changed is landed as a file that was replaced."""
    lake = Lake.open(settings)
    with paged_api.served({"": [streams.play(1)], "second": [streams.play(2), {"play_id": "no play"}]}) as served:
        api = paged_api.Api(served.address, PLAYS)
        *landed, followed = tick(settings, api)
        assert [(done.rows_landed, done.rows_quarantined) for done in landed] == [(1, 0), (1, 1)]
        assert followed.rows_landed is None
        assert tick(settings, api) == []
        served.pages["second"] = [streams.play(2, device="tv"), streams.play(3)]
        served.pages["third"] = [streams.play(4)]
        *landed, _ = tick(settings, api)
    assert [done.rows_landed for done in landed] == [2, 1]
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p2", "p3", "p4"]
    assert ids(lake, live_name(ATTRIBUTIONS), "play_id") == ["p1", "p2", "p3", "p4"]
