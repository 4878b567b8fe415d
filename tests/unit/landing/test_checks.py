"""What pauses the stream: too many records of another schema, too many bad records, too many wrong clocks."""

import re
from datetime import UTC, datetime

import pytest

from matinee.contracts.registry import Registry
from matinee.landing.checks import FEW, troubles
from matinee.landing.model import Landing
from matinee.settings import CHECKOUT

PLAYS = Registry.load(CHECKOUT / "sql").get("raw.plays")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def landed(rows: int, skewed: int = 0, **reasons: int) -> Landing:
    bad = sum(reasons.values())
    return Landing("raw.plays", "plays/0", "sha", rows, rows - bad, bad, {}, NOW, reasons=reasons, skewed=skewed)


@pytest.mark.parametrize(
    ("landing", "words"),
    [
        (landed(100, missing_title_id=30, blank_line=1), "schema: 30 of 100 .* missing_title_id"),
        (landed(100, malformed_json=20, blank_line=10), "quarantine share: 30 of 100 .* malformed_json"),
        (landed(100, skewed=30), "clock skew: 30 of 100 records happened more than 0:05:00 after"),
    ],
)
def test_a_landing_of_which_too_much_is_wrong_says_what(landing: Landing, words: str) -> None:
    [trouble] = troubles(PLAYS, landing)
    assert re.search(words, trouble), trouble


@pytest.mark.parametrize(
    "landing",
    [
        landed(0),
        landed(1, malformed_json=1),
        landed(FEW, skewed=FEW, wrong_type_title_id=FEW),
        landed(10_000, skewed=499, malformed_json=499),
    ],
)
def test_a_few_poisoned_records_and_a_small_share_pause_nothing(landing: Landing) -> None:
    assert list(troubles(PLAYS, landing)) == []
