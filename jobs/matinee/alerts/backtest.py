"""Backtest: what rules would have told, from the recorded signals alone, at the times at which they were seen."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from matinee.alerts.folding import fold
from matinee.alerts.incidents import REOPENED_WITHIN, Incident, step
from matinee.alerts.journal.records import LookNote, Span
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import INCIDENTS, LOOKS, SPANS
from matinee.alerts.judging import alarms
from matinee.alerts.model import Sighting
from matinee.alerts.rules.model import Rule
from matinee.sinks.message import Event

#: While the signals stay the same, so much time passes between two evaluations: ages grow, and quiet times end.
COARSE = timedelta(minutes=5)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Score:
    """How a rule, or all rules, would have done.

    Attributes:
        pages: pages a week.
        precision: of the pages that people have judged, the share that was real; None: nobody judged any.
        recall: of the incidents that people call real, the share that would have been paged; None: there is none.
        delay: the median time from the first signal to its page; None: no page.
        budget: pages a week that the rule may cause; None: no limit.
    """

    rule: str
    pages: float
    precision: float | None
    recall: float | None
    delay: timedelta | None
    budget: int | None

    @property
    def is_over(self) -> bool:
        """Whether there would have been more pages than the budget allows."""
        return self.budget is not None and self.pages > self.budget


def backtested(journal: Journal, rules: Sequence[Rule], first: datetime, last: datetime) -> list[Score]:
    """Return the scores of rules on what a journal has recorded between two instants.

    The watcher writes meanwhile.
    """
    with journal.look() as entries:
        open_or_later = [*entries.all(SPANS, state="seen"), *entries.all(SPANS, state="over", since=first)]
        looks = entries.all(LOOKS, since=first)
        incidents = entries.all(INCIDENTS, since=first)
    spans = [span for span in open_or_later if span.first_seen < last]
    paged = replay(rules, spans, looks, first, last)
    judged = [incident for incident in incidents if incident.verdict is not None and incident.opened_at < last]
    return score(rules, paged, judged, first, last)


def replay(
    rules: Sequence[Rule], spans: Sequence[Span], looks: Sequence[LookNote], first: datetime, last: datetime
) -> list[Incident]:
    """Return the incidents that would have been paged, each as it was when it was first told."""
    known: dict[str, Incident] = {}
    paged: dict[str, Incident] = {}
    for note, seen in _moments(spans, looks, first, last):
        signals = [span.signal for span in seen]
        sightings = [Sighting(span.signal, span.begun) for span in seen]
        causes = fold(alarms(rules, sightings, note.at), signals)
        known = {name: each for name, each in known.items() if not _is_past(each, note.at)}
        for change in step(list(known.values()), causes, note.at, blind=note.blind):
            known[change.incident.incident_id] = change.incident
            if change.event in {Event.OPENED, Event.CHANGED} and change.incident.severity == "page":
                paged.setdefault(change.incident.incident_id, change.incident)
    return list(paged.values())


def _is_past(incident: Incident, at: datetime) -> bool:
    """Whether an incident ended so long ago that its cause would open another."""
    return incident.resolved_at is not None and at - incident.resolved_at > REOPENED_WITHIN


def _moments(
    spans: Sequence[Span], looks: Sequence[LookNote], first: datetime, last: datetime
) -> Iterator[tuple[LookNote, list[Span]]]:
    """Yield the looks that can change something, with what each saw."""
    coming = deque(sorted(spans, key=lambda span: (span.first_seen, span.span_id)))
    seen: dict[str, Span] = {}
    evaluated, is_new = first - COARSE, True
    for note in sorted(looks, key=lambda each: each.at):
        if not first <= note.at < last:
            continue
        gone = [name for name, span in seen.items() if span.gone_at and span.gone_at <= note.at]
        for name in gone:
            del seen[name]
        while coming and coming[0].first_seen <= note.at:
            span = coming.popleft()
            if not span.gone_at or note.at < span.gone_at:
                seen[span.span_id] = span
                is_new = True
        if gone or is_new or note.at - evaluated >= COARSE:
            evaluated, is_new = note.at, False
            yield note, list(seen.values())


def score(
    rules: Sequence[Rule], paged: Sequence[Incident], judged: Sequence[Incident], first: datetime, last: datetime
) -> list[Score]:
    """Return the score of each rule that pages, and of all of them together.

    Args:
        rules: that were replayed.
        paged: what would have been paged.
        judged: the recorded incidents of that time that people have given a verdict.
        first, last: the time.
    """
    scores = []
    for rule in rules:
        if rule.severity == "page":
            own = [each for each in paged if rule.name in each.rules]
            scores.append(_score(rule.name, own, _of(rule, judged), first, last, rule.budget))
    return [*scores, _score("all rules", paged, judged, first, last, None)]


def _of(rule: Rule, judged: Sequence[Incident]) -> list[Incident]:
    return [incident for incident in judged if rule.name in incident.rules or rule.kind in incident.kinds]


def _score(
    name: str,
    paged: Sequence[Incident],
    judged: Sequence[Incident],
    first: datetime,
    last: datetime,
    budget: int | None,
) -> Score:
    real = [incident for incident in judged if incident.verdict == "real"]
    noise = [incident for incident in judged if incident.verdict == "noise"]
    right = [page for page in paged if any(page.identity.touches(incident.identity) for incident in real)]
    wrong = [page for page in paged if any(page.identity.touches(incident.identity) for incident in noise)]
    told = [incident for incident in real if any(page.identity.touches(incident.identity) for page in paged)]
    waits = [(page.told_at - page.opened_at).total_seconds() for page in paged if page.told_at is not None]
    return Score(
        name,
        len(paged) / max((last - first) / _WEEK, 1 / 7),
        len(right) / (len(right) + len(wrong)) if right or wrong else None,
        len(told) / len(real) if real else None,
        timedelta(seconds=median(waits)) if waits else None,
        budget,
    )
