"""The healer: repairs what came late, waits for what is on its way, and calls a person only for the rest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.support.lakes import D1, D2, D3, NOON, at, close_days, heard, land, land_days, raw_play

from matinee.days import end_of
from matinee.errors import (
    AuditFailedError,
    CatalogUnavailableError,
    CommitConflictError,
    EngineFailedError,
    EngineUnavailableError,
    HumanNeededError,
    LeaseHeldError,
    MatineeError,
)
from matinee.healing import healer, judge_days
from matinee.healing.arrival_curve import ArrivalCurve
from matinee.healing.late import StaleDay, stale_days
from matinee.healing.register import HEALS, Decision, decisions
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.steps.main import main
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold
from matinee.validity.validity import Validity

PLAYS = "core.plays"
MINUTE = timedelta(minutes=1)
NOW = end_of(D3) + timedelta(hours=1)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """Three published days of plays, with a late play in the first day and another in the second."""
    lake = Lake.open(settings.model_copy(update={"engine": "sail"}))
    land_days(lake, D1, D2, D3)
    run(lake.settings, RunRequest(PLAYS, D1, D3))
    late_play(lake, D1, "late1", seq=3)
    late_play(lake, D2, "late2", seq=4)
    return lake


def late_play(lake: Lake, day: date, name: str, seq: int) -> None:
    late = raw_play(day, name, title_id="t2", start_ts=at(day, NOON + 2 * MINUTE))
    land(lake, "raw.plays", [late], seq=seq, close=False)


def granted(settings: Settings, **budget: int) -> Settings:
    """Return the settings with another budget of the healer."""
    return settings.model_copy(update={"healing": settings.healing.model_copy(update=budget)})


def brief(made: list[Decision]) -> list[tuple[str, date, str]]:
    return [(decision.dataset, decision.day, decision.decision) for decision in made]


def failing(error: MatineeError) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail


def test_late_rows_are_healed_and_every_decision_is_recorded(lake: Lake) -> None:
    made = healer.look(lake.settings, NOW)
    assert brief(made) == [(PLAYS, D1, "heal"), (PLAYS, D2, "heal")]
    assert list(stale_days(lake)) == []
    assert decisions(lake) == made
    first = made[0]
    assert (first.rows_before, first.rows_after, first.cells, first.cells_changed) == (2, 3, 1, 1)
    assert first.cause == "raw.plays has landing 3, it read up to 1"
    assert healer.look(lake.settings, NOW) == []


def test_a_spent_budget_leaves_the_rest_to_the_next_day(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "judge_arrivals", lambda *_: ())
    poor = granted(lake.settings, cells=1)
    made = healer.look(poor, NOW)
    assert brief(made) == [(PLAYS, D1, "heal"), (PLAYS, D2, "wait")]
    assert "the budget of this day is spent" in made[1].reason
    assert healer.look(poor, NOW + timedelta(minutes=30)) == []
    # Decisions are dated by the clock: the next budget begins a day after that date.
    assert brief(healer.look(poor, NOW + timedelta(days=365 * 10))) == [(PLAYS, D2, "heal")]


def test_a_heal_that_fails_calls_a_person_once_until_its_cause_is_another(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = AuditFailedError("core.plays failed unique_key; main is untouched.", next_step="Look.")
    monkeypatch.setattr(healer, "run", failing(error))
    with pytest.raises(HumanNeededError, match=r"2 days need a person. core.plays 2026-03-01: .*unique_key"):
        healer.look(lake.settings, NOW)
    assert healer.look(lake.settings, NOW) == []
    late_play(lake, D2, "later", seq=5)
    with pytest.raises(HumanNeededError, match=r"1 days need a person. core.plays 2026-03-02"):
        healer.look(lake.settings, NOW)
    monkeypatch.undo()
    assert {decision.decision for decision in healer.apply(lake.settings)} == {"heal"}


def test_a_heal_that_may_succeed_later_waits_for_the_next_look(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "run", failing(CommitConflictError("main moved.", next_step="Run again.")))
    assert brief(healer.look(lake.settings, NOW)) == [(PLAYS, D1, "wait"), (PLAYS, D2, "wait")]
    monkeypatch.undo()
    assert brief(healer.look(lake.settings, NOW)) == [(PLAYS, D1, "heal"), (PLAYS, D2, "heal")]


def test_a_heal_with_endless_transient_errors_is_given_to_a_person(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "run", failing(EngineFailedError("out of memory.", next_step="Run again.")))
    for number in range(1, healer.TRIES):
        assert [decision.tries for decision in healer.look(lake.settings, NOW)] == [number, number]
    with pytest.raises(HumanNeededError, match="out of memory"):
        healer.look(lake.settings, NOW)
    assert healer.look(lake.settings, NOW) == []


def test_tries_are_counted_whatever_lands_meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "run", failing(EngineFailedError("out of memory.", next_step="Run again.")))
    healer.look(lake.settings, NOW)
    late_play(lake, D2, "later", seq=5)
    assert [(decision.day, decision.tries) for decision in healer.look(lake.settings, NOW)] == [(D1, 2), (D2, 2)]
    monkeypatch.undo()
    assert [decision.tries for decision in healer.look(lake.settings, NOW)] == [None, None]


def test_a_look_ends_where_the_engine_is_away_and_the_next_goes_on(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "run", failing(EngineUnavailableError("gone.", next_step="Run again.")))
    with pytest.raises(EngineUnavailableError):
        healer.look(lake.settings, NOW)
    assert brief(decisions(lake)) == [(PLAYS, D1, "wait")]
    monkeypatch.undo()
    assert brief(healer.look(lake.settings, NOW)) == [(PLAYS, D1, "heal"), (PLAYS, D2, "heal")]


def test_a_day_that_always_kills_the_engine_is_given_to_a_person(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(settings: Settings, request: RunRequest) -> object:
        if request.first_key == D1:
            raise EngineUnavailableError("gone.", next_step="Run again.")
        return run(settings, request)

    monkeypatch.setattr(healer, "run", fall)
    for _ in range(healer.TRIES - 1):
        with pytest.raises(EngineUnavailableError):
            healer.look(lake.settings, NOW)
    with pytest.raises(HumanNeededError, match=r"1 days need a person. core.plays 2026-03-01: .*gone"):
        healer.look(lake.settings, NOW)
    assert brief(decisions(lake))[-2:] == [(PLAYS, D1, "human"), (PLAYS, D2, "heal")]


def test_a_fault_that_nobody_foresaw_in_one_day_does_not_keep_the_others(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_first(settings: Settings, request: RunRequest) -> object:
        if request.first_key == D1:
            raise OSError("connection reset")
        return run(settings, request)

    monkeypatch.setattr(healer, "run", fail_first)
    made = healer.look(lake.settings, NOW)
    assert [(decision.decision, decision.reason, decision.tries) for decision in made] == [
        ("wait", "connection reset", 1),
        ("heal", "derived again", None),
    ]
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("heal", [healer.apply, lambda settings: healer.look(settings, NOW)], ids=["apply", "look"])
def test_a_withdrawn_day_is_left_to_a_person_also_when_rows_come_late(
    lake: Lake, heal: Callable[[Settings], list[Decision]]
) -> None:
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "player 7.1 logged every start twice")
    made = heal(lake.settings)
    assert brief(made) == [(PLAYS, D1, "wait"), (PLAYS, D2, "heal")]
    assert "it was withdrawn (player 7.1 logged every start twice)" in made[0].reason
    assert heal(lake.settings) == []
    assert not Validity(lake).status(PLAYS, D1).valid
    run(lake.settings, RunRequest(PLAYS, D1, D1))
    assert list(stale_days(lake)) == []


def test_a_day_of_which_landed_rows_are_gone_is_left_to_a_person(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer, "judge_arrivals", lambda *_: ())
    lake.table("raw.plays").delete(f"event_day = '{D1}' and play_id <> 'late1'")
    made = healer.look(lake.settings, NOW)
    assert brief(made) == [(PLAYS, D1, "wait"), (PLAYS, D2, "heal")]
    assert "published from 2 rows of raw.plays, which now holds 1" in made[0].reason


def test_the_daily_run_reads_a_day_that_has_just_been_published_first(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def just_published(*_: object) -> list[StaleDay]:
        return [replace(stale_day, fresh=NOW - healer.DAILY_RUN + MINUTE) for stale_day in stale_days(lake, D1, D1)]

    monkeypatch.setattr(healer, "stale_days", just_published)
    [waits] = healer.look(lake.settings, NOW)
    assert (waits.decision, waits.reason) == (
        "wait",
        "the daily run that reads what was published at 23:01 comes first",
    )
    [healed] = healer.look(lake.settings, NOW + MINUTE)
    assert healed.decision == "heal"


def test_what_a_person_applies_is_not_of_the_budget(lake: Lake) -> None:
    healer.apply(lake.settings, D1, D1)
    assert brief(healer.look(granted(lake.settings, cells=1), NOW)) == [(PLAYS, D2, "heal")]


def test_minutes_are_a_budget_too(lake: Lake) -> None:
    made = healer.look(granted(lake.settings, minutes=0), NOW)
    assert brief(made) == [(PLAYS, D1, "wait"), (PLAYS, D2, "wait")]


def test_a_call_for_a_person_is_not_lost_where_the_look_fails_after_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = AuditFailedError("core.plays failed unique_key; main is untouched.", next_step="Look.")
    monkeypatch.setattr(healer, "run", failing(error))
    renewed = iter([None, CatalogUnavailableError("gone.", next_step="Run again.")])

    def renew(_: object) -> None:
        if (raised := next(renewed, None)) is not None:
            raise raised

    monkeypatch.setattr(Lease, "renew", renew)
    with pytest.raises(HumanNeededError, match="1 days need a person"):
        healer.look(lake.settings, NOW)
    with pytest.raises(HumanNeededError, match="1 days need a person"):
        healer.look(lake.settings, NOW)
    assert brief(decisions(lake)) == [(PLAYS, D1, "human"), (PLAYS, D2, "human")]


def test_a_wait_for_the_same_reason_is_recorded_once(lake: Lake) -> None:
    poor = granted(lake.settings, cells=1)
    for _ in range(3):
        healer.look(poor, NOW)
    assert brief(decisions(lake)) == [(PLAYS, D1, "heal"), (PLAYS, D2, "wait")]


def test_a_heal_that_gains_nothing_is_not_repeated_but_given_to_a_person(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healer, "run", lambda *_: run(lake.settings, RunRequest(PLAYS, D1, D1, heal=True)))
    with pytest.raises(HumanNeededError, match="nothing was gained"):
        healer.look(lake.settings, NOW)
    assert brief(decisions(lake)) == [(PLAYS, D1, "heal"), (PLAYS, D2, "heal"), (PLAYS, D2, "human")]


@pytest.mark.parametrize(("hours", "kind", "words"), [(1, "wait", "wait 60 min"), (5, "human", "100% expected by now")])
def test_a_day_that_lacks_rows_is_waited_for_as_long_as_earlier_days_were(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, hours: int, kind: str, words: str
) -> None:
    healer.look(lake.settings, NOW)
    day = D3 + timedelta(days=1)
    land(lake, "raw.plays", [raw_play(day, f"p{number}") for number in range(8)], seq=6, close=False)
    close_days(lake, "raw.plays", {day: 10})
    usual = ArrivalCurve.learn([{0: 8, 11: 2}] * 3)
    monkeypatch.setattr(judge_days, "learned_curve", lambda *_: usual)
    now = end_of(day) + timedelta(hours=hours)
    heard(lake, "raw.plays", *(at(day, hour * 60 * MINUTE) for hour in range(25 + hours)))
    if kind == "wait":
        [decision] = healer.look(lake.settings, now)
    else:
        with pytest.raises(HumanNeededError, match=r"raw\.plays 2026-03-04"):
            healer.look(lake.settings, now)
        [decision] = [decided for decided in decisions(lake) if decided.day == day]
    assert (decision.dataset, decision.decision, decision.rows_before) == ("raw.plays", kind, 8)
    assert "8 of 10 rows (80%)" in decision.reason
    assert words in decision.reason
    assert healer.look(lake.settings, now) == []


def test_two_healers_do_not_work_at_once(lake: Lake) -> None:
    with hold(lake, HEALS, healer.LEASE, "another"), pytest.raises(LeaseHeldError, match="'healer' is held by another"):
        healer.apply(lake.settings)


def test_the_step_of_the_dag_leaves_a_working_healer_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    monkeypatch.setenv("MATINEE_ENGINE", "sail")
    with hold(lake, HEALS, healer.LEASE, "another"), caplog.at_level("INFO"):
        assert main("heal", ["--now", NOW.isoformat()]) == 0
    assert "'healer' is held by another" in caplog.text
    assert main("heal", ["--now", NOW.isoformat()]) == 0
    assert list(stale_days(lake)) == []
