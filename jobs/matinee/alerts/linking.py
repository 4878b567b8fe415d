"""Links between looks: what a look of one source proves about the signals of another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from matinee.alerts.model import Edge, Identity, Signal

#: Where looks at Airflow keep the backfills that they know of, in the watcher's memory.
BACKFILLS = "backfills"


@dataclass(frozen=True)
class Backfill:
    """A backfill of a DAG, at work or ended lately: its days are nobody's daily duty."""

    backfill_id: int
    dag: str
    first: date
    last: date

    @property
    def identity(self) -> Identity:
        """The cause under which its failures are folded."""
        return Identity("failed", f"backfill {self.backfill_id} of {self.dag}")


def linked(signals: Sequence[Signal], memory: Mapping[Any, Any]) -> list[Signal]:
    """Return the signals with the edges that several looks prove together."""
    backfills: Sequence[Backfill] = memory.get(BACKFILLS, ())
    failures = _failures_by_day(signals)
    dags = {signal.dataset: signal.dag for signal in signals if signal.kind == "freshness" and signal.dag}
    return [_of_backfill(_of_failure(signal, failures), dags, backfills) for signal in signals]


def _failures_by_day(signals: Iterable[Signal]) -> dict[Identity, list[Identity]]:
    """Return the failures of each day of a dataset that was to be published."""
    failures: dict[Identity, list[Identity]] = {}
    for signal in signals:
        if signal.kind == "failure" and signal.dataset and signal.facts.get("day"):
            day = Identity.of_day("unpublished", signal.dataset, date.fromisoformat(signal.facts["day"]))
            failures.setdefault(day, []).append(signal.identity)
    return failures


def _of_failure(signal: Signal, failures: Mapping[Identity, list[Identity]]) -> Signal:
    """Let a day that was not published follow from the failures of the runs that were to publish it."""
    causes = failures.get(signal.identity, []) if signal.kind == "freshness" else []
    new = tuple(Edge("lineage", cause) for cause in dict.fromkeys(causes) if cause != signal.identity)
    return replace(signal, edges=(*signal.edges, *new)) if new else signal


def _of_backfill(signal: Signal, dags: Mapping[str, str], backfills: Sequence[Backfill]) -> Signal:
    """Let no rule judge the freshness of days that a backfill publishes, or of days that follow from these alone.

    Nobody expected them before.

    Args:
        signal: of any kind.
        dags: by dataset, the DAG that publishes the dataset.
        backfills: at work, or ended lately.
    """
    if signal.kind != "freshness" or signal.identity.what != "stale":
        return signal
    by_edge = {edge: _backfill_of(dags.get(edge.to.subject, ""), edge.to, backfills) for edge in signal.edges}
    others = tuple(edge for edge, backfill in by_edge.items() if backfill is None)
    covering = [_backfill_of(signal.dag, signal.identity, backfills), *(() if others else by_edge.values())]
    for backfill in filter(None, covering):
        return replace(signal, covered=f"backfill {backfill.backfill_id} of {backfill.dag}")
    return replace(signal, edges=others)


def _backfill_of(dag: str, cause: Identity, backfills: Sequence[Backfill]) -> Backfill | None:
    """Return the backfill of a DAG that has the day of a cause."""
    day = cause.first
    return next((each for each in backfills if each.dag == dag and day and each.first <= day <= each.last), None)
