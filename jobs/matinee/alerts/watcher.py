"""The watcher: looks each minute, opens and resolves incidents, and tells people; of several only the lease's holder.

What cannot be looked at is a signal. The catalog, Spark, Airflow and the server of the journal may all be down: the
file in the home is enough to evaluate and to tell. A look ends with the dead-man ping: a watcher that cannot write its
journal, or does not come to the end of a look, does not ping.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic, sleep
from typing import Any

from matinee.alerts.delivery import Clock, OpenChannel, Sender
from matinee.alerts.evaluation import evaluate
from matinee.alerts.incidents import Change
from matinee.alerts.journal.keeper import Keeper
from matinee.alerts.journal.records import LookNote
from matinee.alerts.journal.store import Entries, Journal
from matinee.alerts.journal.tables import LOOKS
from matinee.alerts.linking import linked
from matinee.alerts.mirror import Mirror
from matinee.alerts.model import Identity, Signal
from matinee.alerts.ping import ping
from matinee.alerts.rules.loader import load
from matinee.alerts.rules.model import Rule
from matinee.alerts.settings import AlertSettings, alerts_folder, journal_file
from matinee.alerts.signals import failures
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.sources import Seen, Source, look
from matinee.alerts.signals.telling import of_channels
from matinee.errors import JournalUnavailableError, MatineeError
from matinee.settings import Settings

log = logging.getLogger(__name__)
LEASE = "watcher"
PRUNED_EACH = timedelta(hours=24)


@dataclass(frozen=True)
class Turn:
    """What a turn did; `held_by` names another watcher that holds the lease."""

    at: datetime
    signals: int = 0
    changes: tuple[Change, ...] = ()
    blind: tuple[str, ...] = ()
    held_by: str = ""
    spooled: str = ""


@dataclass
class Watcher:
    """Watches one lake.

    Attributes:
        sources: what it looks at.
        open_channel: how it reaches people.
        holder: names this process.
        clock: tells the time.
        every: from one look to the next.
        patience_s: how long a source may take.
    """

    settings: Settings
    ours: AlertSettings
    sources: Sequence[Source]
    open_channel: OpenChannel
    holder: str
    clock: Clock
    every: timedelta = timedelta(minutes=1)
    patience_s: float = 45.0
    rules: Callable[[], Sequence[Rule]] | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        uri = self.ours.alerts_journal
        self.keeper = Keeper(journal_file(self.settings), uri.get_secret_value() if uri else None)
        self.sender = Sender(self.open_channel, self.clock)
        self.mirror = Mirror(self.settings)
        self._pruned: datetime | None = None
        self._saw_failures: datetime | None = None
        self._rules: Sequence[Rule] | None = None
        self._pinging: Thread | None = None

    def turn(self) -> Turn:
        """Look once, if this process holds the lease or can take it.

        Raises:
            JournalUnavailableError: nothing can be recorded, so nobody is told.
            MatineeError: the rules are wrong, and this process knows no earlier rules that were right.
        """
        begun, at = monotonic(), self.clock()
        journal = self.keeper.journal(at)
        with journal.begin() as entries:
            if not entries.take(LEASE, self.holder, at, max(3 * self.every, timedelta(seconds=2 * self.patience_s))):
                held = entries.lease(LEASE)
                return Turn(at, held_by=held[0] if held else "another watcher")
        outlook = Outlook(self.settings, self.ours, at, self.memory)
        seen = look(self.sources, outlook, self.patience_s)
        seen.left_out |= outlook.left_out
        rules = self._current_rules(seen)
        try:
            changes = self._evaluated(journal, seen, rules, at, begun)
        except JournalUnavailableError:  # The server went away during the look: the file goes on.
            journal = self.keeper.journal(self.clock())
            changes = self._evaluated(journal, seen, rules, at, begun)
        self.sender.start(journal)
        if self.keeper.why_not is None:  # The file in the home knows only what was seen lately.
            self.mirror.start(journal, at)
        self.keeper.copy(self.clock())
        if self._pruned is None or at - self._pruned >= PRUNED_EACH:
            self.keeper.prune(at - self.ours.keep)
            self._pruned = at
        self._ping(at)
        spooled = self.keeper.why_not.message if self.keeper.why_not else ""
        return Turn(at, len(seen.signals), tuple(changes), tuple(sorted(seen.blind)), spooled=spooled)

    def _unseen(self, entries: Entries, at: datetime) -> set[str]:
        """Return the kinds that nobody looks for without Airflow's address: that none is seen proves nothing.

        Failures that ended three days ago are told no more: so long after the last look at Airflow they count as gone.
        """
        if self.ours.alerts_airflow is not None:
            return set()
        if self._saw_failures is None:
            looks = entries.all(LOOKS, since=at - failures.WITHIN)
            seeing = (look.at for look in looks if "failure" not in look.blind)
            self._saw_failures = max(seeing, default=at - failures.WITHIN)
        is_over = at - self._saw_failures >= failures.WITHIN
        return set() if is_over else {"failure", "time_to_complete"}

    def _evaluated(
        self, journal: Journal, seen: Seen, rules: Sequence[Rule], at: datetime, begun: float
    ) -> list[Change]:
        with journal.begin() as entries:
            seen.blind |= self._unseen(entries, at)
            signals = [*linked(seen.signals, self.memory), *of_channels(entries), *self._own()]
            changes = evaluate(entries, signals, rules, at, self.ours.route, seen.blind, seen.left_out)
            note = LookNote(at, self.holder, tuple(sorted(seen.blind)), round(monotonic() - begun, 3))
            entries.put(LOOKS, note)
        return changes

    def _own(self) -> Iterator[Signal]:
        """Yield what the watcher sees of itself: that its journal does not answer, that a channel hangs."""
        if self.keeper.why_not is not None:
            error = self.keeper.why_not
            yield _of_source("journal", Identity("unavailable", "journal"), error.message, error.next_step)
        for route in self.sender.hanging():
            says = f"{route} does not take or refuse a message"
            step = f"`matinee alerts test-channel {route}` tries it again."
            yield _of_source(f"channel {route}", Identity("hangs", f"channel {route}"), says, step)

    def _current_rules(self, seen: Seen) -> Sequence[Rule]:
        """Return the rules as they are now; where they are wrong, the last rules that were right."""
        try:
            self._rules = self.rules() if self.rules else load(alerts_folder(self.settings))
        except MatineeError as error:
            if self._rules is None:  # Without rules every incident would end.
                raise
            own = Identity("wrong", "rules of alerts")
            seen.signals.append(_of_source("rules of alerts", own, error.message, error.next_step))
        return self._rules

    def _ping(self, at: datetime) -> None:
        """Ping in a thread of its own: a slow answer delays no look."""
        target = self.ours.alerts_ping
        if target and (self._pinging is None or not self._pinging.is_alive()):
            self._pinging = Thread(target=_ping_and_log, args=(target.get_secret_value(), at), daemon=True)
            self._pinging.start()

    def close(self, seconds: float = 30.0) -> None:
        """Send what is being sent, and give the lease up."""
        until = monotonic() + seconds
        self.sender.wait(seconds)
        self.mirror.wait(max(until - monotonic(), 0))
        if self._pinging is not None:
            self._pinging.join(max(until - monotonic(), 0))
        try:
            with self.keeper.journal(self.clock()).begin() as entries:
                entries.release(LEASE, self.holder)
        finally:
            self.keeper.close()


def watch(watcher: Watcher, tell: Callable[[Turn | MatineeError], None], turns: int | None = None) -> None:
    """Look again and again, at fixed intervals; an error that may pass is told, and the next turn tries again.

    Args:
        watcher: what looks.
        tell: gets what each turn did, or why it did nothing.
        turns: end after so many; None: never.

    Raises:
        TerminalError: an error that would happen again at the next turn.
    """
    done = 0
    while done != turns:
        begun = monotonic()
        try:
            tell(watcher.turn())
        except MatineeError as error:
            if not error.retryable:
                raise
            tell(error)
        done += 1
        if done != turns:
            sleep(max(watcher.every.total_seconds() - (monotonic() - begun), 0))


def _ping_and_log(target: str, at: datetime) -> None:
    if error := ping(target, at):
        log.warning("The dead-man ping failed: %s", error)


def _of_source(name: str, own: Identity, says: str, next_step: str) -> Signal:
    return Signal("source", f"look at {name}", own, says, next_step, value=1.0)
