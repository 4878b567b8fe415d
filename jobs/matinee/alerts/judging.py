"""Judging: which of the signals that were seen are alarms, by the rules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from matinee.alerts.model import Sighting, Signal
from matinee.alerts.rules.model import Rule


@dataclass(frozen=True)
class Alarm:
    """A signal that a rule finds worth telling, and since when it was seen."""

    signal: Signal
    rule: Rule
    since: datetime


def alarms(rules: Iterable[Rule], sightings: Iterable[Sighting], at: datetime) -> list[Alarm]:
    """Return the alarms among what is seen at an instant, in the order of the sightings, then of the rules."""
    by_kind: dict[str, list[Rule]] = {}
    for rule in rules:
        by_kind.setdefault(rule.kind, []).append(rule)
    return [alarm for sighting in sightings for alarm in _of(by_kind.get(sighting.signal.kind, ()), sighting, at)]


def _of(rules: Iterable[Rule], sighting: Sighting, at: datetime) -> Iterator[Alarm]:
    signal = sighting.signal
    if signal.covered:
        return
    for rule in rules:
        limit = signal.limit if rule.threshold is None else rule.threshold
        if selects(rule, signal) and signal.measured(at) > limit and at - sighting.since >= rule.holds_for:
            yield Alarm(signal, rule, sighting.since)


def selects(rule: Rule, signal: Signal) -> bool:
    """Whether a rule is about the dataset or the DAG of a signal; a rule that names none is about all."""
    named = [(rule.datasets, signal.dataset), (rule.dags, signal.dag)]
    return all(not patterns or any(fnmatchcase(name, pattern) for pattern in patterns) for patterns, name in named)
