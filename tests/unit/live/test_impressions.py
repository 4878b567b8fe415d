"""Which days of one live table are read to derive days of the other; the rows themselves need an engine."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, make_lake

from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES, Pairs, input_days

D0 = D1 - timedelta(days=1)


@pytest.mark.parametrize(
    ("dataset", "days", "read"),
    [
        (ATTRIBUTIONS, {D2}, {D1, D2}),
        (ATTRIBUTIONS, {D1, D3}, {D0, D1, D2, D3}),
        (OUTCOMES, {D1}, {D1, D2}),
        (OUTCOMES, set(), set()),
    ],
)
def test_a_day_reads_the_days_that_its_contract_says(
    tmp_path: Path, dataset: str, days: set[date], read: set[date]
) -> None:
    assert input_days(make_lake(tmp_path), dataset, frozenset(days)) == read


def test_events_belong_together_by_profile_and_title() -> None:
    sources = Pairs.sources([])
    assert sources.together == ("profile_id", "title_id")
    assert [events.landed for events in sources.events] == ["raw.impressions", "raw.plays"]
