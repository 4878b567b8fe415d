"""A message waits until its channel has it, in order, and no channel waits for another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event as Gate
from threading import Thread, active_count

import pytest
from tests.support.alerts import BOARD, CATALOG, MINUTE, T0, Board, Clock, day, journal_in, rule, signal

from matinee.alerts.delivery import FIRST_PAUSE, HANGS_S, LONGEST_PAUSE, TOO_LATE, Sender, due, ended_at, failed
from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.records import Delivery
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import DELIVERIES
from matinee.alerts.model import Signal
from matinee.alerts.rules.model import Route
from matinee.alerts.signals.telling import of_channels
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.message import Channel, Message

DOWN = ChannelUnavailableError("503", next_step="wait", facts={"retry_after_s": 90})
REFUSED = ChannelRefusedError("bad token", next_step="another token")
PAGER = Route("pager", "night")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = journal_in(tmp_path)
    yield journal
    journal.close()


def look(journal: Journal, clock: Clock, *signals: Signal, routes: tuple[Route, ...] = (BOARD,)) -> None:
    with journal.begin() as entries:
        evaluate(entries, signals, [rule(route=routes)], clock(), ())


def send(journal: Journal, board: Board, clock: Clock) -> None:
    sender = Sender(board.open, clock)
    sender.start(journal)
    sender.wait(10)


def waiting(journal: Journal) -> list[Delivery]:
    with journal.begin() as entries:
        return entries.all(DELIVERIES, state="waiting")


def test_a_message_is_sent_once(journal: Journal) -> None:
    board, clock = Board(), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    send(journal, board, clock)
    assert board.said == [("opened catalog unavailable", None)]
    assert waiting(journal) == []


def test_the_next_message_gets_what_the_channel_returned_for_the_last(journal: Journal) -> None:
    board, clock = Board(), Clock()
    for minutes in (0, 60, 60):
        clock.move(minutes)
        look(journal, clock, signal(CATALOG))
        send(journal, board, clock)
    [(_, nothing), (_, first), (_, second)] = board.said
    assert (nothing, str(first)[-2:], str(second)[-2:]) == (None, "-1", "-2")


def test_a_message_waits_as_long_as_its_channel_asks_for(journal: Journal) -> None:
    board, clock = Board(errors=[DOWN]), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    clock.move(1.4)
    send(journal, board, clock)
    assert board.said == []
    clock.move(0.1)
    send(journal, board, clock)
    assert len(board.said) == 1


def test_messages_of_an_incident_are_sent_in_their_order(journal: Journal) -> None:
    board, clock = Board(errors=[DOWN]), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    clock.move(1)
    look(journal, clock)
    clock.move(15)
    look(journal, clock)
    send(journal, board, clock)
    assert [said for said, _ in board.said] == ["opened catalog unavailable", "resolved catalog unavailable"]


def test_a_message_that_waits_holds_back_no_other_incident(journal: Journal) -> None:
    board, clock = Board(errors=[DOWN]), Clock()
    look(journal, clock, signal(CATALOG), signal(day(1)))
    send(journal, board, clock)
    assert len(board.said) == 1


def test_a_channel_that_hangs_delays_no_other_channel(journal: Journal) -> None:
    gate, clock = Gate(), Clock()
    boards = {"board": Board(wait=gate), "pager": Board()}

    def open_channel(name: str, _: str) -> Channel:
        return boards[name]

    look(journal, clock, signal(CATALOG), routes=(BOARD, PAGER))
    sender = Sender(open_channel, clock)
    sender.start(journal)
    sender.wait(0.3)
    before = active_count()
    sender.start(journal)  # The hanging thread is left alone.
    assert (boards["pager"].said, boards["board"].said, active_count()) == (
        [("opened catalog unavailable", None)], [], before
    )  # fmt: skip
    gate.set()
    sender.wait(10)
    assert len(boards["board"].said) == 1


def test_whatever_a_channel_raises_its_message_waits(journal: Journal) -> None:
    board, clock = Board(errors=[ZeroDivisionError("x")]), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    [delivery] = waiting(journal)
    assert "InternalError" in delivery.error


def test_a_message_that_is_refused_waits_for_a_person_and_is_a_signal(journal: Journal) -> None:
    board, clock = Board(errors=[REFUSED]), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    with journal.begin() as entries:
        [told] = of_channels(entries)
    assert (told.identity.what, told.identity.subject) == ("refuses", "channel board:kitchen")
    clock.move(16)
    send(journal, board, clock)
    assert len(board.said) == 1


def test_pauses_grow_and_stay_below_the_longest(journal: Journal) -> None:
    look(journal, Clock(), signal(CATALOG))
    [delivery] = waiting(journal)
    broken = ChannelUnavailableError("503", next_step="wait")
    pauses = [failed(replace(delivery, tries=tries), broken, T0, None).next_at - T0 for tries in (0, 1, 2, 20)]
    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, LONGEST_PAUSE]


def test_the_end_of_an_incident_is_not_told_a_week_later(journal: Journal) -> None:
    clock = Clock()
    look(journal, clock, signal(CATALOG))
    look(journal, clock)
    clock.move(20)
    look(journal, clock)
    last = max(waiting(journal), key=lambda each: each.message.sequence)
    ended = ended_at(waiting(journal), last)
    assert ended == clock()
    assert failed(last, DOWN, clock(), ended).state == "waiting"
    assert failed(last, DOWN, clock() + TOO_LATE + MINUTE, ended).state == "superseded"


def test_what_is_refused_for_ever_ends_with_its_incident(journal: Journal) -> None:
    board, clock = Board(errors=[REFUSED] * 4), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    look(journal, clock)
    clock.move(20)
    look(journal, clock)
    send(journal, board, clock)
    assert len(waiting(journal)) == 2
    clock.now += TOO_LATE + MINUTE
    send(journal, board, clock)
    assert (waiting(journal), board.said) == ([], [])


def test_what_an_open_incident_waits_to_say_is_never_too_late(journal: Journal) -> None:
    board, clock = Board(errors=[REFUSED] * 2), Clock()
    look(journal, clock, signal(CATALOG))
    send(journal, board, clock)
    clock.now += TOO_LATE + MINUTE
    send(journal, board, clock)
    assert len(waiting(journal)) == 1


def test_nothing_is_due_before_its_time(journal: Journal) -> None:
    look(journal, Clock(), signal(CATALOG))
    [delivery] = waiting(journal)
    later = replace(delivery, next_at=T0 + timedelta(hours=1))
    assert due([later], T0) == []
    assert due([later], T0 + timedelta(hours=1)) == [later]


def test_a_channel_with_many_messages_does_not_hang(journal: Journal) -> None:
    clock = Clock()
    look(journal, clock, signal(CATALOG), signal(day(1)))
    sender, busy = Sender(lambda *_: late, clock), []

    class Late(Board):
        """Each of its messages comes a long time after the one before."""

        def send(self, message: Message, told: str | None) -> str | None:
            busy.append(sender.hanging())
            thread, since = sender._threads[BOARD]
            sender._threads[BOARD] = thread, since - HANGS_S
            return super().send(message, told)

    late = Late()
    sender.start(journal)
    sender.wait(10)
    assert (busy, len(late.said)) == ([[], []], 2)


def test_a_thread_whose_place_was_taken_sends_nothing_more(journal: Journal) -> None:
    gate, clock = Gate(), Clock()
    board, sending = Board(wait=gate), Gate()

    def open_channel(*_: str) -> Channel:
        sending.set()
        return board

    look(journal, clock, signal(CATALOG), signal(day(1)))
    sender = Sender(open_channel, clock)
    sender.start(journal)
    hanging, since = sender._threads[BOARD]
    assert sending.wait(10)
    sender._threads[BOARD] = Thread(), since
    gate.set()
    hanging.join(10)
    assert len(board.said) == 1
