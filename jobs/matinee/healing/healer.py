"""The healer: judges days that lack rows, repairs stale days within a budget, and records why.

A look at the lake is one `heal_id`. Days that lack rows are judged by the arrival curve of their source. Stale days are
healed in dependency order, round by round, until none is left, the day's budget is spent, or a round brings no gain.
Every decision is a row of `ops.heals`. A person is called where neither waiting nor a repair helps, once for a cause.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from matinee import faults
from matinee.days import end_of
from matinee.errors import (
    CatalogUnavailableError,
    DroppedError,
    EngineUnavailableError,
    EnvironmentNotReadyError,
    HumanNeededError,
    InputsNotValidError,
    TerminalError,
    WithdrawnError,
)
from matinee.healing.arrival_curve import ArrivalCurve, is_due
from matinee.healing.judge_days import judge_arrivals
from matinee.healing.late import StaleDay, stale_days
from matinee.healing.learning import learned_curve
from matinee.healing.register import HEALS, Decision, Kind, Spent, decisions, last_by_day, record, spent
from matinee.ledger.ledger import history
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.report import timed
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold
from matinee.table.registers import stamp

log = logging.getLogger(__name__)
ROUNDS = 3
#: A person is called after so many failed tries for one cause, each by an error that may pass.
TRIES = 6
#: How long a healer leaves a day with a newly published input day to the daily run.
DAILY_RUN = timedelta(hours=2)
LEASE = "healer"
LOOK = "look_"
Told = Callable[[Decision], None]


@dataclass
class Look:
    """One look of the healer: the last decision on each day, and what it may still spend.

    `now` and `budget` are None where a person asked for the look: it has no budget, and waits for nothing.
    """

    settings: Settings
    lake: Lake
    lease: Lease
    heal_id: str
    last: dict[tuple[str, date], Decision]
    spent: Spent
    now: datetime | None
    budget: Spent | None
    told: Told
    made: list[Decision] = field(default_factory=list)
    unwritten: list[Decision] = field(default_factory=list)
    curves: dict[str, ArrivalCurve | None] = field(default_factory=dict)

    def decide(self, decision: Decision) -> None:
        """Note a decision and report it to `told`; `record` writes it to the register."""
        noted = replace(decision, recorded_ts=stamp())
        self.made.append(noted)
        self.unwritten.append(noted)
        self.last[noted.dataset, noted.day] = noted
        self.told(noted)

    def record(self, *, calls: bool = False) -> None:
        """Append the decisions since the last call to the register, in one commit.

        Decisions that call a person are appended with `calls` only: once recorded, they are not called for again.
        """
        now = [decision for decision in self.unwritten if calls or decision.decision != "human"]
        record(self.lake, now)
        self.unwritten = [decision for decision in self.unwritten if decision not in now]
        if now:
            faults.reach("heal.after_record")

    def exhausted(self) -> bool:
        """Whether nothing is left of the budget."""
        now = self.spent.plus(spent(self.made))
        return self.budget is not None and (now.cells >= self.budget.cells or now.time >= self.budget.time)


def look(settings: Settings, now: datetime, told: Told = lambda _: None) -> list[Decision]:
    """Look at the lake once, as the DAG `late_data_healer` does.

    Args:
        settings: of the lake; `healing` is the budget of a UTC day.
        now: the time that ages and the budget's day count from.
        told: called after each decision.

    Returns:
        The decisions, in order.

    Raises:
        LeaseHeldError: another healer is at work.
        EngineUnavailableError, CatalogUnavailableError: the next look goes on.
        HumanNeededError: a person has to decide; everything else was done.
    """
    heal_id = f"{LOOK}{now:%Y%m%dt%H%M%S}"
    budget = Spent(settings.healing.cells, timedelta(minutes=settings.healing.minutes))
    with _opened(settings, heal_id, now, budget, told) as opened:
        _judge(opened, now)
        _heal_and_call(opened, None, None)
    return opened.made


def apply(
    settings: Settings, first: date | None = None, last: date | None = None, told: Told = lambda _: None
) -> list[Decision]:
    """Heal the stale days because a person asked for it: without a budget; heals that failed before are tried again.

    A day that was withdrawn or changed past the protocol is left alone here, too: `matinee run` publishes it again.

    Args:
        settings: of the lake.
        first, last: the days of the landed events to look at (default: all).
        told: called after each decision.

    Raises:
        LeaseHeldError, HumanNeededError: as `look`.
    """
    with _opened(settings, f"apply_{stamp():%Y%m%dt%H%M%S}", None, None, told) as opened:
        _heal_and_call(opened, first, last)
    return opened.made


@contextmanager
def _opened(settings: Settings, heal_id: str, now: datetime | None, budget: Spent | None, told: Told) -> Iterator[Look]:
    lake = Lake.open(settings)
    # A retry of the same look is another holder.
    holder = f"{heal_id}_{socket.gethostname()}_{os.getpid()}"
    with hold(lake, HEALS, LEASE, holder) as lease:
        faults.reach("heal.after_lease")
        known = decisions(lake)
        looked = (decision for decision in known if decision.heal_id.startswith(LOOK))
        today = [
            decision
            for decision in looked
            if now and decision.recorded_ts and decision.recorded_ts.date() >= now.date()
        ]
        yield Look(settings, lake, lease, heal_id, last_by_day(known), spent(today), now, budget, told)


def _judge(opened: Look, now: datetime) -> None:
    """Decide about the days of raw datasets that lack rows.

    A decision on the same number of rows stands. A day that is lost stays lost, even if a few more rows land.
    """
    for dataset, day, landed, judged in judge_arrivals(opened.lake, now):
        last = opened.last.get((dataset, day))
        kind: Kind = "human" if judged.kind == "lost" else "wait"
        told = last is not None and last.decision == kind and (kind == "human" or last.rows_before == landed)
        if not told:
            cause = f"{landed} rows have landed"
            opened.decide(Decision(opened.heal_id, 0, dataset, day, kind, cause, judged.words, rows_before=landed))
    opened.record()


def _heal_and_call(opened: Look, first: date | None, last: date | None) -> None:
    """Heal the stale days; also after an error, record the decisions and call a person for those that need one."""
    try:
        _heal(opened, first, last)
    finally:
        opened.record(calls=True)
        _call(opened.made)


def _heal(opened: Look, first: date | None, last: date | None) -> None:
    """Heal the stale days, inputs first; a round that heals nothing is the last round."""
    for number in range(1, ROUNDS + 1):
        before = len(opened.made)
        for stale in stale_days(opened.lake, first, last):
            decision = _about(opened, number, stale)
            if decision is not None:
                opened.decide(decision)
                if decision.decision == "heal":
                    opened.record()
        opened.record()
        if not any(noted.decision == "heal" for noted in opened.made[before:]):
            return


def _about(opened: Look, number: int, stale: StaleDay) -> Decision | None:
    """Return the decision on a stale day, after its heal if it is one; None where it was decided before."""
    last = opened.last.get((stale.dataset, stale.day))
    # Tries count until one succeeds or a person is called: rows that land meanwhile do not reset the count.
    tries = last.tries if last is not None and last.decision == "wait" else None
    decided = Decision(
        opened.heal_id, number, stale.dataset, stale.day, "wait", stale.cause, "", rows_before=stale.rows, tries=tries
    )
    same = last if last is not None and last.cause == stale.cause else None
    if same is not None and same in opened.made:
        if same.decision != "heal":
            return None
        return replace(decided, decision="human", reason="it was healed, and nothing was gained")
    if same is not None and same.decision == "human" and opened.budget:
        return None
    reason = _why_wait(opened, stale)
    if reason is None:
        opened.lease.renew()
        return _healed(opened, stale, decided, same)
    return None if same is not None and same.reason == reason else replace(decided, reason=reason)


def _why_wait(opened: Look, stale: StaleDay) -> str | None:
    if stale.kept_back is not None or opened.now is None:
        return stale.kept_back
    if stale.fresh is not None and opened.now < stale.fresh + DAILY_RUN:
        return f"the daily run that reads what was published at {stale.fresh:%H:%M} comes first"
    if not _is_due(opened, stale, opened.now):
        return f"{stale.late} rows came late and more than these are on their way"
    return "the budget of this day is spent; it goes on with the next" if opened.exhausted() else None


def _is_due(opened: Look, stale: StaleDay, now: datetime) -> bool:
    source = opened.lake.registry.get(stale.dataset).inputs[0].dataset
    if not stale.late:
        return True
    if source not in opened.curves:
        opened.curves[source] = learned_curve(opened.lake, source, now.date())
    return is_due(opened.curves[source], stale.late, stale.rows + stale.late, now - end_of(stale.day))


def _healed(opened: Look, stale: StaleDay, decided: Decision, same: Decision | None) -> Decision | None:
    seconds = dict[str, float]()
    # All tries have one name: each drops the branch that a failed try before it has left.
    request = RunRequest(stale.dataset, stale.day, stale.day, attempt="heal", heal=True)
    try:
        with timed(seconds, "heal"):
            report = run(opened.settings, request)
    except (DroppedError, InputsNotValidError, WithdrawnError) as error:
        # No failure: the alert `stale_dataset` tells of the input, and of a day withdrawn or dropped meanwhile.
        return None if same is not None and same.reason == str(error) else replace(decided, reason=str(error))
    except (CatalogUnavailableError, EnvironmentNotReadyError):
        raise  # The error says nothing about the day, and no decision can be recorded.
    except Exception as error:  # A fault in this day does not stop the other days.
        log.exception("%s %s was not healed", stale.dataset, stale.day)
        failed = _failed(opened, decided, error, round(1000 * seconds["heal"]))
        if isinstance(error, EngineUnavailableError) and failed.decision == "wait":
            opened.decide(failed)
            raise  # The next day would fail, too; the count of tries tells which day takes the engine down.
        return failed
    faults.reach("heal.after_day")
    newest = history(opened.lake, stale.dataset).newest(stale.day)
    everything = opened.lake.registry.get(stale.dataset).cells.buckets
    buckets, changed = (newest.run.buckets, newest.changed) if newest else (None, None)
    return replace(
        decided,
        decision="heal",
        tries=None,
        reason="derived again" if buckets != () else "nothing in it changes",
        publication_id=report.publication_id,
        rows_after=report.rows.out,
        cells=everything if buckets is None else len(buckets),
        cells_changed=everything if changed is None else len(changed),
        duration_ms=round(1000 * seconds["heal"]),
    )


def _failed(opened: Look, decided: Decision, error: Exception, duration_ms: int) -> Decision:
    tries = 1 + (decided.tries or 0)
    over = isinstance(error, TerminalError) or (opened.budget is not None and tries >= TRIES)
    kind: Kind = "human" if over else "wait"
    words = str(error) or type(error).__name__
    return replace(decided, decision=kind, reason=words, tries=tries, duration_ms=duration_ms)


def _call(made: list[Decision]) -> None:
    called = [decision for decision in made if decision.decision == "human"]
    if not called:
        return
    named = "; ".join(f"{decision.dataset} {decision.day}: {decision.cause}: {decision.reason}" for decision in called)
    raise HumanNeededError(
        f"{len(called)} days need a person. {named}",
        next_step="The runbook late_data_healer says what to do about each; `matinee heal list` has all decisions.",
        facts={"days": [f"{decision.dataset} {decision.day}" for decision in called]},
    )
