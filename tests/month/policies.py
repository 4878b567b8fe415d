"""Ways to meet late data. Ours asks the shipped decision code; the others are what is usual elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from matinee.days import start_of
from matinee.healing.arrival_curve import DAYS as LEARNED_DAYS
from matinee.healing.arrival_curve import STEP, ArrivalCurve, is_due, judge, silence, usual_gap
from tests.month.board import NEEDED_SHARE, Board, Day, Look, Score, looks
from tests.month.world import LOOKED_AT_DAYS, Feed, Source, simulate

#: Cells that the healer may derive again in a UTC day.
BUDGET_CELLS = 2_000
RECOMPUTED_DAYS = 7
Policy = Callable[[Board, datetime], None]


@dataclass
class Ours:
    """Waits while a day arrives as its source's days do, repairs cells, calls for what is lost.

    `when_due`: late rows wait until a repair is worth it; without it there is one with every look that finds some.
    """

    when_due: bool = True
    curves: dict[tuple[Source, date], ArrivalCurve | None] = field(default_factory=dict)

    def __call__(self, board: Board, now: datetime) -> None:
        for day in board.lacking(now):
            silent = self._silent(day, now)
            judged = judge(self._curve(board, day, now), day.landed, day.expected, NEEDED_SHARE, now - day.end, silent)
            if judged.kind == "enough":
                board.publish(day, now)
            elif judged.kind == "lost":
                board.call(day, now)
        for day in board.stale():
            curve = self._curve(board, day, now) if self.when_due else None
            if board.cells_today < BUDGET_CELLS and is_due(curve, day.late, day.landed, now - day.end):
                board.heal(day)

    def _curve(self, board: Board, day: Day, now: datetime) -> ArrivalCurve | None:
        key = day.feed.source, now.date()
        if key not in self.curves:
            earlier = [past for past in board.days[day.feed.source] if past.published and past.day < now.date()]
            learned = [_seen(day.feed, past, now) for past in earlier[-LEARNED_DAYS:]]
            self.curves[key] = ArrivalCurve.learn(learned)
        return self.curves[key]

    @staticmethod
    def _silent(day: Day, now: datetime) -> timedelta:
        since = start_of(day.day)
        heard = [span for span in day.feed.heard if span[1] > since - timedelta(days=7)]
        return silence(heard, since, now, usual_gap(heard, since))


def _seen(feed: Feed, day: Day, now: datetime) -> dict[int, int]:
    """Return the rows of a day by step, as far as they have arrived."""
    known = feed.steps[day.number][: (now - day.end) // STEP]
    return {step: int(rows) for step, rows in enumerate(known) if rows}


@dataclass(frozen=True)
class FixedThreshold:
    """Publishes at an hour what has enough rows then, calls for the rest, derives whole days for late rows."""

    hour: timedelta

    def __call__(self, board: Board, now: datetime) -> None:
        for day in board.lacking(now):
            if now < day.end + self.hour:
                continue
            if day.landed >= NEEDED_SHARE * day.expected:
                board.publish(day, now)
            else:
                board.call(day, now)
        for day in board.stale():
            board.heal(day, whole_days=True)


@dataclass(frozen=True)
class NightlyRecompute:
    """Derives the last days again every night, whatever they have; asks nothing, calls nobody."""

    hour: timedelta = timedelta(hours=3)

    def __call__(self, board: Board, now: datetime) -> None:
        if now != start_of(now.date()) + self.hour:
            return
        recent = timedelta(days=RECOMPUTED_DAYS)
        published = [day for days in board.days.values() for day in days if day.published and day.end > now - recent]
        for day in list(board.lacking(now)):
            board.publish(day, now)
        for day in published:
            board.repaired(day)
            impressions = day.feed.source.kind == "impression"
            board.derive(day.feed.source.dataset, [day.day])
            board.derive("core.impression_plays" if impressions else "core.play_attributions", [day.day])


def policies() -> dict[str, Policy]:
    """Return the policies that are compared, by name."""
    return {
        "ours": Ours(),
        "ours, a heal with every look": Ours(when_due=False),
        "95 % at 06:00": FixedThreshold(timedelta(hours=6)),
        "95 % at noon": FixedThreshold(timedelta(hours=12)),
        "7 days every night": NightlyRecompute(),
    }


def run_month(seed: int) -> dict[str, Score]:
    """Return the score of each policy in the same month."""
    feeds = simulate(seed)
    month = looks(feeds, LOOKED_AT_DAYS)
    return {name: run(policy, feeds, month).end() for name, policy in policies().items()}


def run(policy: Policy, feeds: Sequence[Feed], month: Sequence[Look]) -> Board:
    """Let a policy live through a month and return what it has come to."""
    board = Board(feeds)
    for now, arrived in month:
        for source, news in arrived:
            board.receive(source, news)
        policy(board, now)
        board.end_look(now)
    return board
