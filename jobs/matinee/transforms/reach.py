"""How far an event reaches: the days of each dataset whose rows it can change, by adding or by taking it away.

A contract says which days of its inputs a day reads, so a changed day of an input changes the days that read it. A
transform that knows more registers a `Reach` under its own name.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.days import LAST_DAY, LAST_INSTANT, day_range, shifted, start_of
from matinee.hooks import registered

#: A package registers a `Reach` under this, by the name of its transform.
HOOK = "matinee.reach"

#: The aliases of inputs that lead from a dataset to the dataset of the event, the dataset's own input first.
Path = tuple[str, ...]

#: How far from the event lie the earliest and the latest row that it can change along a path; a latest before the
#: earliest: there are no such rows. None where the transform does not know the path.
Reach = Callable[[Contract, Path], tuple[timedelta, timedelta] | None]


@dataclass(frozen=True)
class Span:
    """Events of one day, from the first instant to the last."""

    first: datetime
    last: datetime

    @classmethod
    def of_day(cls, day: date) -> "Span":
        """Return the span of a whole day."""
        return cls(start_of(day), start_of(day) + LAST_INSTANT)


def reached_days(registry: Registry, dataset: str, span: Span) -> Mapping[str, tuple[date, ...]]:
    """Return the days that a dataset's events of the span can change, of the dataset and of all that is made from it.

    Inputs come before what is made from them. A cell is such a day with the bucket of the event: where transforms stay
    within buckets, no event changes rows of another bucket.
    """
    reached = {dataset: tuple(day_range(span.first.date(), span.last.date()))}
    for contract in map(registry.get, registry.downstream(dataset)):
        paths = _paths(registry, contract, dataset)
        days = {day for path in paths for day in _days(registry, contract, path, span)}
        reached[contract.dataset] = tuple(sorted(days))
    return reached


def _paths(registry: Registry, contract: Contract, dataset: str) -> Iterator[Path]:
    for spec in contract.inputs:
        if spec.dataset == dataset:
            yield (spec.alias,)
        else:
            yield from ((spec.alias, *rest) for rest in _paths(registry, registry.get(spec.dataset), dataset))


def _days(registry: Registry, contract: Contract, path: Path, span: Span) -> Iterator[date]:
    """Yield the days of a dataset that a span reaches along a path; a day may come several times."""
    entry = registered(HOOK).get(contract.transform or "")
    known: Reach | None = entry.load() if entry else None
    reach = known(contract, path) if known else None
    if reach is not None:
        yield from day_range(shifted(span.first, reach[0]).date(), shifted(span.last, reach[1]).date())
        return
    spec = next(spec for spec in contract.inputs if spec.alias == path[0])
    first, last = contract.input_days(spec, LAST_DAY, LAST_DAY)
    back, ahead = LAST_DAY - first, last - LAST_DAY
    other = registry.get(spec.dataset)
    read = _days(registry, other, path[1:], span) if path[1:] else day_range(span.first.date(), span.last.date())
    for day in read:
        begin, end = shifted(start_of(day), -ahead), shifted(start_of(day), back)
        yield from day_range(begin.date(), end.date())
