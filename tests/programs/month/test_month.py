"""The simulated month: our policy calls a person only for lost rows, and its repairs cost less."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from tests.month import policies
from tests.month.board import Board, Look, Score, looks
from tests.month.policies import FixedThreshold, NightlyRecompute, Ours, Policy, run
from tests.month.world import IMPRESSIONS, LOOKED_AT_DAYS, LOST_DAY, OUTAGE_DAY, PLAYS, SENT_AGAIN_DAY, Feed, simulate

SEED = 7


@pytest.fixture(scope="module")
def feeds() -> Sequence[Feed]:
    return simulate(SEED)


@pytest.fixture(scope="module")
def month(feeds: Sequence[Feed]) -> list[Look]:
    return looks(feeds, LOOKED_AT_DAYS)


@pytest.fixture(scope="module")
def boards(feeds: Sequence[Feed], month: list[Look]) -> dict[str, Board]:
    at_six = FixedThreshold(timedelta(hours=6))
    compared: dict[str, Policy] = {"ours": Ours(), "threshold": at_six, "nightly": NightlyRecompute()}
    return {name: run(policy, feeds, month) for name, policy in compared.items()}


@pytest.fixture(scope="module")
def scores(boards: dict[str, Board]) -> dict[str, Score]:
    return {name: board.end() for name, board in boards.items()}


def called(board: Board) -> list[tuple[str, int]]:
    return [(day.feed.source.kind, day.number) for day in board.called_for]


def test_the_same_seed_is_the_same_month(feeds: Sequence[Feed], month: list[Look], scores: dict[str, Score]) -> None:
    again = simulate(SEED)
    assert all(
        np.array_equal(feed.uploads.arrived, other.uploads.arrived) for feed, other in zip(feeds, again, strict=True)
    )
    assert not np.array_equal(simulate(SEED + 1)[1].expected, feeds[1].expected)
    assert run(Ours(), feeds, month).end() == scores["ours"]


def test_ours_calls_a_person_only_for_the_day_that_lost_rows(
    boards: dict[str, Board], scores: dict[str, Score]
) -> None:
    assert called(boards["ours"]) == [("impression", LOST_DAY)]
    assert (scores["ours"].loss_found_hours or 0) <= 6


def test_without_the_check_for_silence_the_outage_counts_as_a_loss(
    feeds: Sequence[Feed], month: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "silence", lambda *_: timedelta(0))
    assert ("impression", OUTAGE_DAY) in called(run(Ours(), feeds, month))


def test_the_others_call_for_late_days_or_never_find_the_loss(scores: dict[str, Score]) -> None:
    assert scores["threshold"].false_calls > 0
    assert (scores["nightly"].right_calls, scores["nightly"].loss_found_hours) == (0, None)


def test_ours_publishes_first_and_repairs_for_no_more_than_the_others(scores: dict[str, Score]) -> None:
    ours, others = scores["ours"], (scores["threshold"], scores["nightly"])
    assert all(ours.hours_to_publish < other.hours_to_publish for other in others)
    assert all(ours.wasted <= other.wasted for other in others)
    assert ours.cells < scores["threshold"].cells / 10
    assert ours.missing_row_hours < scores["nightly"].missing_row_hours / 5


def test_every_day_ends_published_with_all_that_landed(boards: dict[str, Board]) -> None:
    for board in (boards["ours"], boards["threshold"]):
        assert all(day.published and not day.missing for days in board.days.values() for day in days)


def test_what_goes_wrong_in_the_month_does(feeds: Sequence[Feed]) -> None:
    impressions, plays = feeds
    assert (impressions.source, plays.source) == (IMPRESSIONS, PLAYS)
    longest = max(
        later[0] - earlier[1] for earlier, later in zip(impressions.heard, impressions.heard[1:], strict=False)
    )
    assert longest >= timedelta(hours=9)
    of_day = impressions.uploads.day == LOST_DAY
    assert 0.7 < of_day.sum() * IMPRESSIONS.rows / impressions.expected[LOST_DAY] < 0.9
    assert set(plays.uploads.day[plays.uploads.again]) == {SENT_AGAIN_DAY}
    assert plays.uploads.again.sum() * PLAYS.rows == plays.expected[SENT_AGAIN_DAY]
