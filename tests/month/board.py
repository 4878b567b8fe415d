"""What a policy sees and does in the month, and the counts by which it is compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from statistics import median

from matinee.contracts.registry import Registry
from matinee.days import end_of
from matinee.settings import CHECKOUT
from matinee.transforms.reach import Span, reached_days
from tests.month.world import BUCKETS, DAYS, FIRST_DAY, TICKS_A_DAY, Feed, News, Source, instant

#: As the contracts have it: share of a complete day.
NEEDED_SHARE = 0.95
#: Without features, which wait until labels cannot change: the month is about the tables before them.
REGISTRY = Registry(
    {name: each for name, each in Registry.load(CHECKOUT / "sql").contracts.items() if not name.startswith("features.")}
)
#: How long a person takes to find out that rows will never come, and to accept the day without them.
ANSWER = timedelta(hours=2)
BETWEEN_LOOKS = timedelta(minutes=30)
HOURS_BETWEEN = BETWEEN_LOOKS / timedelta(hours=1)

#: The time of a look, and what arrived since the one before.
Look = tuple[datetime, list[tuple[Source, News]]]


@dataclass
class Day:
    """An event day of a source: rows so far, whether it is published, and what landed since it was.

    `landed` and `late` count repeats as well, as metadata does; `missing` are new rows only.
    """

    feed: Feed
    number: int
    landed: int = 0
    published: bool = False
    late: int = 0
    missing: int = 0
    buckets: frozenset[int] = frozenset()
    first: int = 0
    last: int = 0
    called: datetime | None = None

    @cached_property
    def day(self) -> date:
        """The event day."""
        return FIRST_DAY + timedelta(days=self.number)

    @cached_property
    def end(self) -> datetime:
        """The end of the event day."""
        return end_of(self.day)

    @property
    def expected(self) -> int:
        """Rows of the day, as its manifest says."""
        return self.feed.expected[self.number]

    @property
    def is_lost(self) -> bool:
        """Whether rows of the day never come; no policy may ask."""
        return self.number in self.feed.lost

    def receive(self, news: News) -> None:
        """Take what arrived since the last look."""
        self.landed += news.rows
        if self.published:
            self.first = min(self.first, news.first) if self.late else news.first
            self.last = max(self.last, news.last) if self.late else news.last
            self.late += news.rows
            self.missing += news.new_rows
            self.buckets |= news.buckets

    def settle(self) -> None:
        """All that landed is published."""
        self.published, self.late, self.missing, self.buckets = True, 0, 0, frozenset()


@dataclass
class Score:
    """What came of a policy.

    Attributes:
        heals: repairs of published days; wasted: those of them that changed no row.
        waits: looks at which a day that had ended was not published yet.
        right_calls, false_calls: calls for a person because of days of which rows were lost, and of which none were.
        cells, rows: derived again in the four tables, without first publications.
        wrong_hours: hours, summed over days, in which published data lacked rows that had landed.
        missing_row_hours: the same, times the rows lacking.
        hours_to_publish: median over days, from their end.
        loss_found_hours: from the end of the day that lost rows to the call; None: never.
    """

    heals: int = 0
    wasted: int = 0
    waits: int = 0
    right_calls: int = 0
    false_calls: int = 0
    cells: int = 0
    rows: int = 0
    wrong_hours: float = 0.0
    missing_row_hours: float = 0.0
    hours_to_publish: float = 0.0
    loss_found_hours: float | None = None


@dataclass
class Board:
    """The month as one policy meets it; the lake is counters, the decisions are the policy's own."""

    feeds: Sequence[Feed]
    score: Score = field(default_factory=Score)
    called_for: list[Day] = field(default_factory=list)
    cells_today: int = 0

    def __post_init__(self) -> None:
        self.days = {feed.source: [Day(feed, number) for number in range(DAYS)] for feed in self.feeds}
        self._published: list[float] = []

    def receive(self, source: Source, news: News) -> None:
        """Take what arrived of a source since the last look."""
        self.days[source][news.day].receive(news)

    def lacking(self, now: datetime) -> Iterator[Day]:
        """Yield the days that have ended and are not published; what a person has accepted is published."""
        for day in self._all():
            if not day.published and day.end <= now:
                if day.is_lost and day.called and day.called + ANSWER <= now:
                    self.publish(day, now)
                else:
                    yield day

    def stale(self) -> Iterator[Day]:
        """Yield the published days of which rows landed since."""
        yield from (day for day in self._all() if day.late)

    def publish(self, day: Day, now: datetime) -> None:
        """Publish a day for the first time."""
        day.settle()
        self._published.append((now - day.end) / timedelta(hours=1))

    def call(self, day: Day, now: datetime) -> None:
        """Call a person for a day, once."""
        if day.called is not None:
            return
        day.called = now
        self.called_for.append(day)
        if day.is_lost:
            self.score.right_calls += 1
            self.score.loss_found_hours = (now - day.end) / timedelta(hours=1)
        else:
            self.score.false_calls += 1

    def heal(self, day: Day, *, whole_days: bool = False) -> None:
        """Repair a published day and what its late rows reach: their cells, or whole days."""
        span = Span(instant(day.first), instant(day.last))
        buckets = BUCKETS if whole_days else len(day.buckets)
        for dataset, days in reached_days(REGISTRY, day.feed.source.dataset, span).items():
            self.derive(dataset, [event_day for event_day in days if self._stands(dataset, event_day)], buckets)
        self.repaired(day)

    def derive(self, dataset: str, days: Sequence[date], buckets: int = BUCKETS) -> None:
        """Count cells of a dataset that are derived again."""
        source = next(other for other in self.days if (other.kind == "impression") == ("impression" in dataset))
        self.score.cells += buckets * len(days)
        self.cells_today += buckets * len(days)
        for day in days:
            rows = self.days[source][(day - FIRST_DAY).days].landed
            self.score.rows += rows * buckets // BUCKETS

    def repaired(self, day: Day) -> None:
        """Count a repair of a published day."""
        self.score.heals += 1
        self.score.wasted += not day.missing
        day.settle()

    def end_look(self, now: datetime) -> None:
        """Count what stands until the next look."""
        for day in self._all():
            if day.missing:
                self.score.wrong_hours += HOURS_BETWEEN
                self.score.missing_row_hours += HOURS_BETWEEN * day.missing
            self.score.waits += not day.published and day.end <= now
        if (now + BETWEEN_LOOKS).date() != now.date():
            self.cells_today = 0

    def end(self) -> Score:
        """Return the score of the month."""
        self.score.hours_to_publish = median(self._published)
        return self.score

    def _all(self) -> Iterator[Day]:
        for days in self.days.values():
            yield from days

    def _stands(self, dataset: str, day: date) -> bool:
        number = (day - FIRST_DAY).days
        needed = [source for source in self.days if dataset == source.dataset] or list(self.days)
        return 0 <= number < DAYS and all(self.days[source][number].published for source in needed)


def looks(feeds: Sequence[Feed], through_days: int) -> list[Look]:
    """Return each look of the month with what arrived since the one before."""
    ticks = range(0, through_days * TICKS_A_DAY, round(TICKS_A_DAY * (BETWEEN_LOOKS / timedelta(days=1))))
    return [
        (instant(tick), [(feed.source, news) for feed in feeds for news in feed.news(tick - ticks.step, tick)])
        for tick in ticks
    ]
