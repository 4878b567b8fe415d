"""Which live tables are followed together, and what follows them."""

from dataclasses import replace

import pytest

from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.live.groups import group_of, groups
from matinee.settings import CHECKOUT

SHIPPED = Registry.load(CHECKOUT / "sql")
ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"


def with_live(dataset: str, **changes: object) -> Registry:
    changed = replace(SHIPPED.get(dataset), has_live=True, **changes)  # type: ignore[arg-type]
    return Registry({**SHIPPED.contracts, dataset: changed})


def test_related_datasets_of_one_follower_are_followed_together() -> None:
    [group] = groups(SHIPPED)
    assert (group.datasets, group.sources) == ((ATTRIBUTIONS, OUTCOMES), ("raw.impressions", "raw.plays"))
    assert group.tables == ("core.play_attributions_live", "core.impression_plays_live")


def test_a_dataset_of_another_follower_is_followed_by_itself() -> None:
    registry = with_live("core.plays")
    assert [group.datasets for group in groups(registry)] == [("core.plays",), (ATTRIBUTIONS, OUTCOMES)]
    group = group_of(registry, "core.plays")
    [events] = group.sources_of(registry).events
    assert (group.sources, events.holder, events.is_whole) == (("raw.plays",), "core.plays", False)
    assert group_of(with_live("core.impressions"), "core.impressions").sources_of(SHIPPED).events[0].is_whole


def test_a_transform_that_nothing_follows_is_refused() -> None:
    with pytest.raises(ContractError, match=r"Nothing follows core.plays: no follower is registered for its transform"):
        groups(with_live("core.plays", transform="transform.sql"))
