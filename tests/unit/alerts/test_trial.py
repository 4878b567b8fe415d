"""A trial of a channel."""

from pathlib import Path

from tests.support.alerts import T0, Board

from matinee.alerts.trial import trial


def test_a_trial_is_a_message_and_its_end() -> None:
    board = Board()
    trial(board, Path("/lake"), "ana", T0)
    first = "trial-20260305-120000-1"
    assert board.said == [("opened A trial of this channel", None), ("resolved A trial of this channel", first)]
