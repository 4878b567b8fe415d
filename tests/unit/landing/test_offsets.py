"""Offsets: each table says up to where it has the records of a topic; another topic's offsets say nothing of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.lakes import PLANNED, make_lake

from matinee.landing.model import QUARANTINE, Landing
from matinee.landing.offsets import is_streamed_through, landed_through, marker_in, range_id, streamed_for
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

PLAYS, IMPRESSIONS = "raw.plays", "raw.impressions"


def ranged(through: Mapping[str, int], dataset: str = PLAYS, topic_id: str = "") -> Landing:
    return Landing(dataset, "t", "ab" * 32, 1, 1, 0, {}, PLANNED, through=through, topic_id=topic_id)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of which the quarantine has records of two datasets, and the plays' table those of a file, too."""
    lake = make_lake(tmp_path)
    for table in (QUARANTINE, PLAYS):
        lake.ensure(table)
    for landing in (ranged({"plays/0": 2}), ranged({"impressions/0": 9}, IMPRESSIONS)):
        commit_nothing(lake, QUARANTINE, refs.MAIN, landing.to_summary())
    for landing in (ranged({"plays/0": 3, "plays/1": 1}, topic_id="old"), ranged({})):
        commit_nothing(lake, PLAYS, refs.MAIN, landing.to_summary())
    return lake


def test_each_table_tells_its_own_offsets_of_each_dataset(lake: Lake) -> None:
    assert landed_through(lake, PLAYS, PLAYS) == {"plays/0": 3, "plays/1": 1}
    assert landed_through(lake, QUARANTINE, PLAYS) == {"plays/0": 2}
    assert landed_through(lake, QUARANTINE, IMPRESSIONS) == {"impressions/0": 9}
    assert landed_through(lake, IMPRESSIONS, IMPRESSIONS) == {}


@pytest.mark.parametrize(
    ("landing", "is_over"),
    [
        (ranged({"plays/0": 3}), True),
        (ranged({"plays/0": 3, "plays/1": 1}), True),
        (ranged({"plays/0": 3, "plays/1": 2}), False),
        (ranged({"plays/2": 1}), False),
        (ranged({"plays/0": 9}, topic_id="old"), False),
        (ranged({"plays/0": 9}, topic_id="new"), True),
        (ranged({}), False),
        (ranged({"impressions/0": 1}, IMPRESSIONS), False),
    ],
)
def test_a_range_is_over_once_its_table_has_it_or_its_topic_is_gone(
    lake: Lake, landing: Landing, is_over: bool
) -> None:
    assert is_streamed_through(lake, landing) is is_over


def test_only_ranges_of_streams_are_markers() -> None:
    told = [landing.to_summary() for landing in (ranged({"plays/0": 1}), ranged({}))]
    assert [streamed_for(summary) for summary in (*told, {})] == [PLAYS, None, None]
    assert [marker_in(summary) for summary in (*told, {})] == ["stream_raw_plays", None, None]


def test_a_range_is_known_by_its_dataset_its_offsets_and_its_topic() -> None:
    identities = {
        range_id(*of) for of in ((PLAYS, "a", ""), (IMPRESSIONS, "a", ""), (PLAYS, "b", ""), (PLAYS, "a", "i"))
    }
    assert len(identities) == 4
    assert {len(identity) for identity in identities} == {64}
