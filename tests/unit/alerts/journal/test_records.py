"""A window holds back the causes that its patterns name."""

import pytest
from tests.support.alerts import MINUTE, T0

from matinee.alerts.journal.records import Window
from matinee.alerts.model import Identity

WINDOW = Window("w", T0, T0 + MINUTE, "ana", "upgrade", T0, ("plays_daily", "core.*"))


@pytest.mark.parametrize(
    ("identity", "held"),
    [
        (Identity("failed", "plays_daily.derive"), True),
        (Identity("late", "plays_daily"), True),
        (Identity("late", "plays_daily.derive"), False),
        (Identity("failed", "plays_daily_2.derive"), False),
        (Identity("unpublished", "core.plays"), True),
    ],
)
def test_a_window_for_a_dag_holds_back_its_failed_tasks(identity: Identity, held: bool) -> None:
    assert WINDOW.holds_back(identity, T0) is held


def test_a_window_that_is_over_holds_nothing_back() -> None:
    assert not WINDOW.holds_back(Identity("late", "plays_daily"), T0 + MINUTE)
