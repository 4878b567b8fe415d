"""Attribution by pairs, as Sail derives it: the bounds and ties that the time lines of Spark have, too."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.domain.test_attribution import winners
from tests.integration.transforms.rows import DAY, NOON, US, Row, played, shown

from matinee.engine.session import sail_session
from matinee.settings import load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELAY = timedelta(milliseconds=250)


@pytest.fixture(scope="module")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    home = tmp_path_factory.mktemp("sail")
    with sail_session(load_settings(home=home, catalog="embedded", spark_remote=None)) as session:
        yield session


def won(sail: "SparkSession", plays: list[Row], impressions: list[Row], **parameters: str) -> dict[str, str | None]:
    return winners(sail, plays, impressions, "sail", **parameters)


def test_the_least_delay_is_included_and_what_is_nearer_is_passed_over(sail: "SparkSession") -> None:
    impressions = [shown("e1", NOON), shown("e2", NOON + US)]
    assert won(sail, [played("p1", NOON + DELAY)], impressions, min_delay="250ms") == {"p1": "e1"}


def test_an_impression_nearer_than_the_least_delay_leaves_the_play_organic(sail: "SparkSession") -> None:
    play = played("p1", NOON + DELAY - US)
    assert won(sail, [play], [shown("e1", NOON)], min_delay="250ms") == {"p1": None}


def test_an_impression_at_the_instant_of_the_play_wins(sail: "SparkSession") -> None:
    assert won(sail, [played("p1", NOON)], [shown("e1", NOON), shown("e2", NOON + US)]) == {"p1": "e1"}


def test_the_window_includes_its_far_end_and_nothing_beyond(sail: "SparkSession") -> None:
    plays = [played("p1", NOON + DAY), played("p2", NOON + DAY + US)]
    assert won(sail, plays, [shown("e1", NOON)]) == {"p1": "e1", "p2": None}


def test_of_impressions_at_the_same_instant_the_greatest_id_wins(sail: "SparkSession") -> None:
    impressions = [shown(event_id, NOON) for event_id in ("b", "B", "a", "é", "z", "\uffee", "\U0001f600")]
    assert won(sail, [played("p1", NOON + US)], impressions) == {"p1": "\U0001f600"}


def test_of_several_impressions_the_last_before_the_play_wins(sail: "SparkSession") -> None:
    impressions = [shown("z", NOON), shown("a", NOON + 2 * US), shown("e3", NOON + 4 * US)]
    assert won(sail, [played("p1", NOON + 3 * US)], impressions) == {"p1": "a"}


def test_another_title_or_profile_leads_to_nothing(sail: "SparkSession") -> None:
    others = [shown("e1", title_id="u"), shown("e2", profile_id="b")]
    assert won(sail, [played()], others) == {"p1": None}


@pytest.mark.parametrize("often", [32, 33])
def test_what_was_played_often_is_attributed_as_what_was_played_once(sail: "SparkSession", often: int) -> None:
    plays = [played(f"p{number}", NOON + DELAY + number * DAY) for number in range(2)]
    plays += [played(f"o{number}", NOON + DELAY + number * US, title_id="often") for number in range(often)]
    impressions = [shown("e1", NOON), shown("o1", NOON, title_id="often"), shown("o2", NOON + US, title_id="often")]
    attributed = won(sail, plays, impressions, min_delay="250ms")
    assert attributed == {"p0": "e1", "p1": None, "o0": "o1"} | {f"o{number}": "o2" for number in range(1, often)}
