"""The soak's journals count what a worker did, even if it was killed, and tell whether a turn is running."""

from pathlib import Path

from tests.soak.summary import Tally
from tests.soak.turns import Journal, Turn, take

from matinee.errors import CommitConflictError, StaleInputsError


class Loser:
    """A worker that commits, handles a lost race, and then fails because a day has changed."""

    def turn(self, turn: Turn) -> None:
        turn.commits += 1
        CommitConflictError("main moved.", next_step="Again.")
        raise StaleInputsError("the day changed.", next_step="Again.")


class Broken:
    """A worker with a fault."""

    def turn(self, turn: Turn) -> None:
        raise KeyError("day")


def tally(journal: Journal) -> Tally:
    total = Tally()
    for line in journal.lines():
        total.add(line)
    return total


def test_errors_are_counted_and_an_expected_error_only_ends_the_turn(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "loser.jsonl")
    take(Loser(), journal)
    total = tally(journal)
    assert (total.turns, total.commits, total.conflicts, total.refusals) == (1, 1, 1, 1)
    assert total.unfinished == {"StaleInputsError": 1}
    assert journal.lines()[-1]["trace"] is None


def test_an_error_that_nobody_expects_is_kept_with_its_traceback(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "broken.jsonl")
    take(Broken(), journal)
    assert "KeyError: 'day'" in journal.lines()[-1]["trace"]
    assert tally(journal).unfinished == {}


def test_a_publication_counts_at_once_and_its_turn_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "publisher.jsonl")
    journal.write("begun")
    journal.write("published", replayed=True)
    assert (tally(journal).commits, tally(journal).replays, tally(journal).turns) == (1, 1, 0)
    assert journal.busy_since() == journal.lines()[0]["at"]
    take(Loser(), journal)
    assert journal.busy_since() is None
