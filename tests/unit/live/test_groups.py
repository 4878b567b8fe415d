"""Which live tables are followed together, and what follows them."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import leave_out, make_lake

from matinee.contracts.model import live_name
from matinee.contracts.registry import Registry
from matinee.errors import ContractError, UsageError
from matinee.live.groups import group_of, groups, require_groups
from matinee.live.progress import Progress
from matinee.settings import CHECKOUT
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

SHIPPED = Registry.load(CHECKOUT / "sql")
ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def with_live(lake: Lake, dataset: str, **changes: object) -> Lake:
    changed = replace(SHIPPED.get(dataset), has_live=True, **changes)  # type: ignore[arg-type]
    live = {dataset: changed, live_name(dataset): changed.as_live()}
    return replace(lake, registry=Registry({**SHIPPED.contracts, **live}))


def test_related_datasets_of_one_follower_are_followed_together(lake: Lake) -> None:
    [group] = groups(lake)
    assert (group.datasets, group.sources) == ((ATTRIBUTIONS, OUTCOMES), ("raw.impressions", "raw.plays"))
    assert group.tables == ("core.play_attributions_live", "core.impression_plays_live")


def test_a_dataset_of_another_follower_is_followed_by_itself(lake: Lake) -> None:
    plays, shown = with_live(lake, "core.plays"), with_live(lake, "core.impressions")
    assert [group.datasets for group in groups(plays)] == [("core.plays",), (ATTRIBUTIONS, OUTCOMES)]
    group = group_of(plays, "core.plays")
    [events] = group.sources_of(plays.registry).events
    assert (group.sources, events.holder, events.is_whole) == (("raw.plays",), "core.plays", False)
    assert group_of(shown, "core.impressions").sources_of(SHIPPED).events[0].is_whole


def test_a_transform_that_nothing_follows_is_refused(lake: Lake) -> None:
    with pytest.raises(ContractError, match=r"Nothing follows core.plays: no follower is registered for its transform"):
        groups(with_live(lake, "core.plays", transform="transform.sql"))


def test_a_group_stands_still_while_a_live_table_of_its_sources_is_unknown(lake: Lake) -> None:
    both = with_live(lake, "core.plays")
    made(both, OUTCOMES, Progress({"raw.impressions": 3, "raw.plays": 2}))
    left = leave_out(both, OUTCOMES)
    assert groups(left) == ()  # The table that is unknown may be of either.
    with pytest.raises(ContractError, match=r"Live tables stand still: core\.impression_plays: a mistake"):
        require_groups(left)
    with pytest.raises(ContractError, match="Live tables stand still"):
        group_of(left, ATTRIBUTIONS)


def test_a_group_of_other_sources_goes_on(lake: Lake) -> None:
    both = with_live(lake, "core.plays")
    made(both, "core.plays", Progress({"raw.plays": 2}))
    assert [group.datasets for group in groups(leave_out(both, "core.plays"))] == [(ATTRIBUTIONS, OUTCOMES)]


def test_a_dataset_without_a_live_table_holds_no_group(lake: Lake) -> None:
    left = leave_out(lake, "core.impressions")
    assert [group.datasets for group in groups(left)] == [(ATTRIBUTIONS, OUTCOMES)]
    require_groups(left)


def test_a_dataset_without_a_live_table_has_no_group(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"core\.plays has no live table"):
        group_of(lake, "core.plays")


def made(lake: Lake, dataset: str, done: Progress) -> None:
    """Make a live table that has followed so far."""
    lake.ensure(live_name(dataset))
    commit_nothing(lake, live_name(dataset), refs.MAIN, done.to_summary())
