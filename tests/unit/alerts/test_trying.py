"""A trial of a channel."""

from pathlib import Path

from tests.support.alerts import BOARD, T0, Board

from matinee.alerts.trying import try_channel


def test_a_trial_is_a_message_and_its_end() -> None:
    board = Board()
    try_channel(board.open, BOARD, Path("/lake"), "ana", T0)
    first = "test-20260305-120000-1"
    assert board.said == [("opened a test of this channel", None), ("resolved a test of this channel", first)]
