"""The healer's decisions, without an engine: what it may spend, how many rounds it goes, and what counts as a try."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, make_lake

from matinee.days import end_of
from matinee.errors import (
    CatalogUnavailableError,
    EngineFailedError,
    EngineUnavailableError,
    HumanNeededError,
    InputsNotValidError,
    MatineeError,
)
from matinee.healing import healer
from matinee.healing.arrival_curve import ArrivalCurve
from matinee.healing.late import StaleDay
from matinee.healing.register import Decision, decisions
from matinee.publication.request import RunRequest
from matinee.report import Report, Rows
from matinee.settings import Settings

PLAYS = "core.plays"
NOW = end_of(D3) + timedelta(hours=1)
D4 = D3 + timedelta(days=1)
#: Cells of a day: what a heal that derives the whole day spends.
CELLS = 8
#: Of a day's rows half come an hour after its end.
SLOW = ArrivalCurve.learn([{0: 5, 6: 5}] * 3)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a lake where a heal derives nothing and the clock moves by microseconds."""
    ticks = count()
    monkeypatch.setattr(healer, "judge_arrivals", lambda *_: ())
    monkeypatch.setattr(healer, "learned_curve", lambda *_: None)
    monkeypatch.setattr(healer, "stamp", lambda: NOW + timedelta(microseconds=next(ticks)))
    monkeypatch.setattr(healer, "run", healed)
    return make_lake(tmp_path).settings


def healed(_: Settings, request: RunRequest) -> Report:
    rows = Rows.model_validate({"in": 3, "out": 3})
    return Report(step="publish", dataset=request.dataset, publication_id=f"p{request.first_key}", rows=rows)


def stale(day: date, cause: str = "late", **values: object) -> StaleDay:
    return StaleDay(PLAYS, day, "p", 2, cause, **values)  # type: ignore[arg-type]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[object, ...]]]:
    """Return a function that sets the stale days of each round (the last repeats) and returns the days asked for."""

    def arrange(*by_round: list[StaleDay]) -> list[tuple[object, ...]]:
        left, asked = list(by_round), list[tuple[object, ...]]()

        def look(_: object, *days: object) -> Iterator[StaleDay]:
            asked.append(days)
            yield from left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(healer, "stale_days", look)
        return asked

    return arrange


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> Report:
        raise error

    monkeypatch.setattr(healer, "run", fail)


def brief(made: list[Decision]) -> list[tuple[int, date, str]]:
    return [(decision.round, decision.day, decision.decision) for decision in made]


def granted(settings: Settings, **budget: int) -> Settings:
    """Return the settings with another budget of the healer."""
    return settings.model_copy(update={"healing": settings.healing.model_copy(update=budget)})


def test_what_was_spent_today_is_of_the_budget(settings: Settings, rounds: Callable[..., object]) -> None:
    rounds([stale(D1)], [])
    assert brief(healer.look(granted(settings, cells=CELLS), NOW)) == [(1, D1, "heal")]
    rounds([stale(D2)], [])
    [waits] = healer.look(granted(settings, cells=CELLS), NOW)
    assert (waits.decision, waits.reason) == ("wait", "the budget of this day is spent; it goes on with the next")


def test_what_was_spent_the_day_before_is_not(settings: Settings, rounds: Callable[..., object]) -> None:
    rounds([stale(D1)], [])
    healer.look(granted(settings, cells=CELLS), NOW)
    rounds([stale(D2)], [])
    assert brief(healer.look(granted(settings, cells=CELLS), NOW + timedelta(days=1))) == [(1, D2, "heal")]


@pytest.mark.parametrize(("number", "second"), [(CELLS, "wait"), (CELLS + 1, "heal")])
def test_a_heal_begins_as_long_as_a_cell_is_left(
    settings: Settings, rounds: Callable[..., object], number: int, second: str
) -> None:
    rounds([stale(D1), stale(D2)], [])
    assert brief(healer.look(granted(settings, cells=number), NOW)) == [(1, D1, "heal"), (1, D2, second)]


def test_no_minute_is_no_budget(settings: Settings, rounds: Callable[..., object]) -> None:
    rounds([stale(D1)], [])
    assert brief(healer.look(granted(settings, minutes=0), NOW)) == [(1, D1, "wait")]


def test_a_chain_of_three_rounds_is_healed_in_one_look(settings: Settings, rounds: Callable[..., object]) -> None:
    rounds([stale(D1)], [stale(D2)], [stale(D3)], [stale(D4)])
    assert brief(healer.look(settings, NOW)) == [(1, D1, "heal"), (2, D2, "heal"), (3, D3, "heal")]


def test_a_round_that_heals_nothing_is_the_last_one(settings: Settings, rounds: Callable[..., list[object]]) -> None:
    asked = rounds([stale(D1, kept_back="it was withdrawn")], [stale(D2)])
    assert brief(healer.look(settings, NOW)) == [(1, D1, "wait")]
    assert len(asked) == 1


def test_what_was_healed_and_is_stale_for_the_same_cause_is_a_persons(
    settings: Settings, rounds: Callable[..., object]
) -> None:
    rounds([stale(D1)])
    with pytest.raises(HumanNeededError, match="1 days need a person"):
        healer.look(settings, NOW)
    assert brief(decisions(make_lake(settings.home))) == [(1, D1, "heal"), (2, D1, "human")]


@pytest.mark.parametrize(("late", "decision"), [(0, "heal"), (1, "wait"), (5, "heal")])
def test_only_late_rows_are_judged_by_the_arrival_curve(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch, late: int, decision: str
) -> None:
    monkeypatch.setattr(healer, "learned_curve", lambda *_: SLOW)
    rounds([stale(D3, late=late)], [])
    now = end_of(D3) + timedelta(minutes=30)
    assert brief(healer.look(settings, now)) == [(1, D3, decision)]


@pytest.mark.parametrize(("early", "decision"), [(timedelta(seconds=1), "wait"), (timedelta(0), "heal")])
def test_the_daily_run_has_its_time_and_no_more(
    settings: Settings, rounds: Callable[..., object], early: timedelta, decision: str
) -> None:
    rounds([stale(D1, fresh=NOW - healer.DAILY_RUN + early)], [])
    assert brief(healer.look(settings, NOW)) == [(1, D1, decision)]


def test_a_catalog_that_is_away_is_no_failed_try_of_the_day(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds([stale(D1)])
    failing(monkeypatch, CatalogUnavailableError("gone.", next_step="Run again."))
    with pytest.raises(CatalogUnavailableError):
        healer.look(settings, NOW)
    assert decisions(make_lake(settings.home)) == []


def test_an_engine_that_is_away_is_a_failed_try_and_ends_the_look(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds([stale(D1), stale(D2)])
    failing(monkeypatch, EngineUnavailableError("gone.", next_step="Run again."))
    with pytest.raises(EngineUnavailableError):
        healer.look(settings, NOW)
    assert [(decision.day, decision.tries) for decision in decisions(make_lake(settings.home))] == [(D1, 1)]


def test_the_last_try_of_what_may_pass_calls_a_person(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds([stale(D1)])
    failing(monkeypatch, EngineFailedError("out of memory.", next_step="Run again."))
    assert [healer.look(settings, NOW)[0].tries for _ in range(healer.TRIES - 1)] == [*range(1, healer.TRIES)]
    with pytest.raises(HumanNeededError, match="out of memory"):
        healer.look(settings, NOW)


def test_what_may_pass_calls_no_person_where_one_applies_it(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds([stale(D1)])
    failing(monkeypatch, EngineFailedError("out of memory.", next_step="Run again."))
    assert [healer.apply(settings)[0].tries for _ in range(healer.TRIES + 1)] == [*range(1, healer.TRIES + 2)]


def not_valid(words: str) -> MatineeError:
    return InputsNotValidError(words, next_step="Wait.", facts={})


def test_an_input_that_is_not_valid_is_no_failed_try_and_told_once(
    settings: Settings, rounds: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds([stale(D1)])
    failing(monkeypatch, not_valid("raw.plays is open."))
    assert [(decision.decision, decision.tries) for decision in healer.look(settings, NOW)] == [("wait", None)]
    assert healer.look(settings, NOW) == []
    failing(monkeypatch, not_valid("raw.plays is short."))
    assert brief(healer.look(settings, NOW)) == [(1, D1, "wait")]


def test_a_person_applies_without_waiting_and_without_a_budget(
    settings: Settings, rounds: Callable[..., list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healer, "learned_curve", lambda *_: SLOW)
    asked = rounds([stale(D3, late=1), stale(D2, fresh=NOW)], [])
    assert brief(healer.apply(granted(settings, cells=0), D2, D3)) == [(1, D3, "heal"), (1, D2, "heal")]
    assert asked == [(D2, D3), (D2, D3)]


def test_what_a_person_applied_is_not_of_the_budget(settings: Settings, rounds: Callable[..., object]) -> None:
    rounds([stale(D1)], [])
    healer.apply(settings)
    rounds([stale(D2)], [])
    assert brief(healer.look(granted(settings, cells=1), NOW)) == [(1, D2, "heal")]
