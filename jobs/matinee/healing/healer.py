"""The healer: judges days that lack rows, repairs days whose inputs have gone on, within a budget, and says why.

A look at the lake is one `heal_id`. Days that lack rows are judged by the arrival curve of their source. Stale days are
healed in dependency order, round by round, until none is left, the day's budget is spent, or a round brings no gain.
Every decision is a row of `ops.heals`. A person is called for what no waiting and no repair will mend, once a cause.
"""

import logging
import os
import socket
import time
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
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold
from matinee.table.registers import stamp

log = logging.getLogger(__name__)
ROUNDS = 3
#: A heal that fails so often for one cause, by what may pass, is given to a person.
TRIES = 6
#: How long the daily run has to read an input day that was published, before a healer does.
DAILY_RUN = timedelta(hours=2)
LEASE = "healer"
LOOK = "look_"
Told = Callable[[Decision], None]


@dataclass
class Look:
    """One look of the healer: the last decision on each day, and what it may still spend.

    `now` and `budget` are None where a person asked for it: it takes what it takes, and waits for nothing.
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
        """Note a decision and tell of it; `record` writes it down."""
        noted = replace(decision, recorded_ts=stamp())
        self.made.append(noted)
        self.unwritten.append(noted)
        self.last[noted.dataset, noted.day] = noted
        self.told(noted)

    def record(self, *, calls: bool = False) -> None:
        """Write down what was decided since the last time, in one commit.

        Calls for a person only where they are made at once: what was written down is not called for again.
        """
        now = [one for one in self.unwritten if calls or one.decision != "human"]
        record(self.lake, now)
        self.unwritten = [one for one in self.unwritten if one not in now]
        if now:
            faults.reach("heal.after_record")

    def exhausted(self) -> bool:
        """Whether nothing is left of the budget."""
        now = self.spent.plus(spent(self.made))
        return self.budget is not None and (now.cells >= self.budget.cells or now.time >= self.budget.time)


def look(settings: Settings, now: datetime, told: Told = lambda _: None) -> list[Decision]:
    """Look at the lake once, as the DAG `late_data_healer` does.

    Args:
        settings: of the lake; `heal_cells` and `heal_minutes` are the budget of a UTC day.
        now: the time that ages and the budget's day count from.
        told: called after each decision.

    Returns:
        The decisions, in order.

    Raises:
        LeaseHeldError: another healer is at work.
        EngineUnavailableError, CatalogUnavailableError: the next look goes on.
        HumanNeededError: a person has to decide; all that could be done without one was done.
    """
    heal_id = f"{LOOK}{now:%Y%m%dt%H%M%S}"
    budget = Spent(settings.heal_cells, timedelta(minutes=settings.heal_minutes))
    with _opened(settings, heal_id, now, budget, told) as opened:
        _judge(opened, now)
        _heal_and_call(opened, None, None)
    return opened.made


def apply(
    settings: Settings, first: date | None = None, last: date | None = None, told: Told = lambda _: None
) -> list[Decision]:
    """Heal what is stale because a person asked for it: no budget, and what failed before is tried again.

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
        looked = (one for one in known if one.heal_id.startswith(LOOK))
        today = [one for one in looked if now and one.recorded_ts and one.recorded_ts.date() >= now.date()]
        yield Look(settings, lake, lease, heal_id, last_by_day(known), spent(today), now, budget, told)


def _judge(opened: Look, now: datetime) -> None:
    """Decide about the days of raw datasets that lack rows.

    What was decided on the same rows stands, and a day that is lost is lost, whatever still trickles in.
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
    """Heal what is stale; what was decided is written down, and called for, also where that ends with an error."""
    try:
        _heal(opened, first, last)
    finally:
        opened.record(calls=True)
        _call(opened.made)


def _heal(opened: Look, first: date | None, last: date | None) -> None:
    """Heal what is stale, inputs first; a round that heals nothing is the last one."""
    for number in range(1, ROUNDS + 1):
        before = len(opened.made)
        for stale in stale_days(opened.lake, first, last):
            decision = _about(opened, number, stale)
            if decision is not None:
                opened.decide(decision)
                if decision.decision == "heal":
                    opened.record()
        opened.record()
        if not any(one.decision == "heal" for one in opened.made[before:]):
            return


def _about(opened: Look, number: int, stale: StaleDay) -> Decision | None:
    """Return what to do about a stale day, done if it is to heal it; None where it was decided before."""
    last = opened.last.get((stale.dataset, stale.day))
    # Tries count until one succeeds or a person is called: what else lands meanwhile does not begin them anew.
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
    start = time.monotonic()
    # One name for all tries: what a try that failed has left is dropped by the next one.
    request = RunRequest(stale.dataset, stale.day, stale.day, attempt="heal", heal=True)
    try:
        report = run(opened.settings, request)
    except (DroppedError, InputsNotValidError, WithdrawnError) as error:
        # Not a failure: the freshness watch tells of the input, and of a day that was withdrawn or dropped meanwhile.
        return None if same is not None and same.reason == str(error) else replace(decided, reason=str(error))
    except (CatalogUnavailableError, EnvironmentNotReadyError):
        raise  # It says nothing about the day, and nothing can be written down.
    except Exception as error:  # The other days do not wait for a fault in this one.
        log.exception("%s %s was not healed", stale.dataset, stale.day)
        failed = _failed(opened, decided, error, _since(start))
        if isinstance(error, EngineUnavailableError) and failed.decision == "wait":
            opened.decide(failed)
            raise  # The next day would fare no better; a day that takes the engine down is found by its tries.
        return failed
    faults.reach("heal.after_day")
    newest = history(opened.lake, stale.dataset).newest(stale.day)
    everything = opened.lake.registry.get(stale.dataset).cells.buckets
    buckets, changed = (newest.run.buckets, newest.changed) if newest else (None, None)
    return replace(
        decided,
        decision="heal",
        tries=None,
        reason="derived anew" if buckets != () else "nothing in it changes",
        publication_id=report.publication_id,
        rows_after=report.rows.out,
        cells=everything if buckets is None else len(buckets),
        cells_changed=everything if changed is None else len(changed),
        duration_ms=_since(start),
    )


def _failed(opened: Look, decided: Decision, error: Exception, duration_ms: int) -> Decision:
    tries = 1 + (decided.tries or 0)
    over = isinstance(error, TerminalError) or (opened.budget is not None and tries >= TRIES)
    kind: Kind = "human" if over else "wait"
    words = str(error) or type(error).__name__
    return replace(decided, decision=kind, reason=words, tries=tries, duration_ms=duration_ms)


def _since(start: float) -> int:
    return round(1000 * (time.monotonic() - start))


def _call(made: list[Decision]) -> None:
    called = [one for one in made if one.decision == "human"]
    if not called:
        return
    named = "; ".join(f"{one.dataset} {one.day}: {one.cause}: {one.reason}" for one in called)
    raise HumanNeededError(
        f"{len(called)} days need a person. {named}",
        next_step="The runbook late_data_healer says what to do about each; `matinee heal list` has all decisions.",
        facts={"days": [f"{one.dataset} {one.day}" for one in called]},
    )
