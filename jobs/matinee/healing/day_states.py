"""The state of each day of each dataset: nearly all days are valid, so only the others are kept."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from matinee.contracts.model import Contract
from matinee.healing.late import stale_days_of
from matinee.ledger.columns import days_of
from matinee.validity.ages import Age, is_daily
from matinee.validity.day_set import DaySet
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    import numpy as np

#: `open`: rows or a publication are still to come; `failed`: what is published must not be read; `outdated`: valid, but
#: an input has changed since; `dropped`: past what the contract keeps.
State = Literal["valid", "outdated", "open", "failed", "withdrawn", "dropped"]
#: By the kind of the root: a day that waits for an input, or fell with it, has the state of the input.
_STATES: Mapping[str, State] = {
    "open": "open",
    "short": "open",
    "unpublished": "open",
    "immature": "open",
    "restated": "open",
    "failing": "failed",
    "thinned": "failed",
    "tampered": "failed",
    "set_back": "failed",
    "withdrawn": "withdrawn",
    "dropped": "dropped",
}


@dataclass(frozen=True)
class DayState:
    """A day that is not simply valid: its state, why, and what would change it."""

    day: date
    state: State
    reason: str
    next_step: str


@dataclass(frozen=True)
class DatasetDays:
    """The days of a dataset from its first owed day to the lake's last day; `days` that are not in `others` are valid.

    Attributes:
        age: until when the dataset can be trusted, and how old that may be.
        first, last: the range that was looked at; None: the dataset owes no day.
        days: the days of the range that are published or owed; another day is no key of the dataset.
    """

    dataset: str
    age: Age
    first: date | None = None
    last: date | None = None
    days: Collection[date] = frozenset()
    others: Mapping[date, DayState] = field(default_factory=dict)


def states_of(
    validity: Validity,
    first: date | None = None,
    last: date | None = None,
    datasets: Collection[str] | None = None,
    *,
    days: int = 90,
) -> tuple[DatasetDays, ...]:
    """Return the days of daily datasets, inputs first.

    Args:
        validity: a look at the lake.
        first: the first day to look at; default: so many `days` before the last.
        last: the last day to look at; default: the last day that any dataset has.
        datasets: which datasets; default: all that are kept by day.
        days: how many days to look at where no first day is given.
    """
    registry, until = validity.lake.registry, last or _last_day(validity)
    wanted = [contract.dataset for contract in registry.all() if is_daily(contract)] if datasets is None else datasets
    since = first or (until - timedelta(days=days - 1) if until else None)
    return tuple(_of(validity, registry.get(name), since, until) for name in registry.upstream_order(wanted))


def _of(validity: Validity, contract: Contract, since: date | None, last: date | None) -> DatasetDays:
    import numpy as np

    age = Age.of(validity, contract)
    if since is None or last is None or age.owed_from is None:
        return DatasetDays(contract.dataset, age)
    first = max(age.owed_from, since)
    days = validity.owed_keys(contract.dataset, first, last)
    if contract.transform:
        published = validity.history(contract.dataset).newest_notes.days
        inside = (published >= np.datetime64(first)) & (published <= np.datetime64(last))
        days = np.union1d(days, published[inside])
    others = {state.day: state for state in _outdated(validity, contract, first, last)}
    others |= {state.day: state for state in _invalid(validity, contract, days)}
    return DatasetDays(contract.dataset, age, first, last, DaySet(days), others)


def _invalid(validity: Validity, contract: Contract, days: "np.ndarray") -> Iterator[DayState]:
    for day in days[~validity.plain(contract.dataset).holds(days)].tolist():
        reason = validity.status(contract.dataset, day).reason
        if reason is not None:
            yield DayState(day, _STATES[reason.root.kind], _words(reason), reason.root.next_step)


def _outdated(validity: Validity, contract: Contract, first: date, last: date) -> Iterator[DayState]:
    if contract.transform is None or not validity.lake.exists(contract.dataset):
        return
    for stale in stale_days_of(validity, contract, first, last):
        yield DayState(stale.day, "outdated", stale.cause, "`matinee heal apply` derives the changed cells again.")


def _words(reason: Reason) -> str:
    root = reason.root
    return reason.detail if root is reason else f"{reason.detail} ({root.dataset} {root.day}: {root.detail})"


def _last_day(validity: Validity) -> date | None:
    """Return the last day that is declared of a raw dataset, or published."""
    days = [day for _, day in validity.manifests]
    for contract in validity.lake.registry.all():
        newest = validity.history(contract.dataset).newest_columns if contract.transform else None
        if newest is not None:
            days.append(days_of(newest)[-1].item())
    return max(days, default=None)
