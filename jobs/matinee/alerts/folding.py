"""Folding: alarms become causes. An alarm is a witness of each cause that its edges prove, and of no other."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from matinee.alerts.judging import Alarm, selects
from matinee.alerts.model import SEVERITIES, Identity, Severity, Signal, most_urgent
from matinee.alerts.rules.model import Rule

Graph = Mapping[Identity, Collection[Identity]]


@dataclass(frozen=True)
class Cause:
    """A root and the alarms that follow from it; there is one at least.

    Attributes:
        told: the signal that says most.
        rule: that judges such a signal, whether it is alarming yet or not; None: not known.
    """

    root: Identity
    alarms: tuple[Alarm, ...]
    told: Signal
    rule: Rule | None = None

    @property
    def severity(self) -> Severity:
        """The most urgent severity of the alarms."""
        return most_urgent([alarm.rule.severity for alarm in self.alarms])

    @property
    def witnesses(self) -> tuple[str, ...]:
        """What shows the cause, sorted."""
        return tuple(sorted({alarm.signal.witness for alarm in self.alarms}))

    @property
    def runbook(self) -> str:
        """The section about the cause itself, else about its most urgent alarm."""
        if self.rule is not None:
            return self.rule.runbook
        return min(self.alarms, key=lambda alarm: (SEVERITIES.index(alarm.rule.severity), alarm.rule.name)).rule.runbook


def fold(alarms: Sequence[Alarm], signals: Iterable[Signal], rules: Iterable[Rule] = ()) -> list[Cause]:
    """Return the causes of alarms, in the order of their roots.

    Args:
        alarms: what is to be folded.
        signals: everything that was seen: its edges prove what follows from what, whether it is alarming or not.
        rules: name the runbooks of what is not alarming yet.
    """
    seen = [*signals, *(alarm.signal for alarm in alarms)]
    graph = _graph(seen)
    saying = {signal.identity: signal for signal in sorted(seen, key=lambda signal: signal.witness, reverse=True)}
    reached: dict[Identity, frozenset[Identity]] = {}
    of_root: dict[Identity, list[Alarm]] = {}
    for alarm in alarms:
        for root in roots(graph, alarm.signal.identity, reached):
            of_root.setdefault(root, []).append(alarm)
    causes = []
    for root, members in _ranges(of_root):
        witnesses = _distinct(of_root, members)
        own = next((saying[member] for member in members if member in saying), witnesses[0].signal)
        rule = next((rule for rule in rules if rule.kind == own.kind and selects(rule, own)), None)
        causes.append(Cause(root, witnesses, own, rule))
    return causes


def roots(
    graph: Graph, start: Identity, reached: dict[Identity, frozenset[Identity]] | None = None
) -> frozenset[Identity]:
    """Return the causes at the ends of all paths from an identity; of a circle, which proves nothing, its least member.

    Args:
        graph: by identity, what it is proven to follow from.
        start: where the paths begin.
        reached: kept between calls on the same graph.
    """
    known = {} if reached is None else reached
    ends = set()
    for node in _reach(graph, start, known):
        circle = _reach(graph, node, known)
        if all(node in _reach(graph, other, known) for other in circle):
            ends.add(min(circle, key=lambda identity: identity.order))
    return frozenset(ends)


def _graph(signals: Iterable[Signal]) -> Graph:
    graph: dict[Identity, set[Identity]] = {}
    for signal in signals:
        if signal.edges:
            graph.setdefault(signal.identity, set()).update(edge.to for edge in signal.edges)
    return graph


def _reach(graph: Graph, start: Identity, known: dict[Identity, frozenset[Identity]]) -> frozenset[Identity]:
    """Return the identity and all that it follows from, directly or not."""
    if start not in known:
        seen, pending = {start}, [start]
        while pending:
            for node in graph.get(pending.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    pending.append(node)
        known[start] = frozenset(seen)
    return known[start]


def _ranges(of_root: Iterable[Identity]) -> Iterable[tuple[Identity, list[Identity]]]:
    """Yield each range of roots that touch each other, with these roots."""
    for _, same in groupby(sorted(of_root, key=lambda root: root.order), key=lambda root: (root.what, root.subject)):
        joined: Identity | None = None
        members: list[Identity] = []
        for root in same:
            if joined is not None and not joined.touches(root):
                yield joined, members
                joined, members = None, []
            joined = root if joined is None else joined.joined(root)
            members.append(root)
        if joined is not None:
            yield joined, members


def _distinct(of_root: Mapping[Identity, list[Alarm]], members: Iterable[Identity]) -> tuple[Alarm, ...]:
    alarms = {(alarm.signal.witness, alarm.rule.name): alarm for root in members for alarm in of_root[root]}
    return tuple(alarms[key] for key in sorted(alarms))
