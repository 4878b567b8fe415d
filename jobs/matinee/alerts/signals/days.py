"""Days that cannot be trusted: for each dataset with a freshness, all invalid days, and all their roots.

A day of a dataset may be held by several inputs, and each by several days: every root is a cause of its own. The
unbroken run of valid days, which VTTS tells, would show the first of them alone.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from matinee.alerts.model import NEVER, Edge, Identity, Signal
from matinee.alerts.signals.failures import Why, raised
from matinee.alerts.signals.following import follows_by_itself
from matinee.alerts.signals.outlook import Outlook
from matinee.contracts.model import Contract
from matinee.days import start_of
from matinee.errors import ContractError
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

#: Reasons that are one cause: rows of a landed day are missing, whoever says so.
_CLASSES = {"open": "incomplete", "short": "incomplete"}


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield a signal for each invalid day of each dataset that has a freshness, and for each root.

    A contract that cannot be used is a signal, too: no day of its dataset is made.
    """
    validity = outlook.validity
    for dataset, error in validity.lake.registry.left_out.items():
        if "depends_on" not in error.facts:
            yield _wrong(dataset, error)
    if validity.valid_from is None:  # No day was ever closed: nothing is owed yet.
        return
    roots, told = Roots(validity), set[Identity]()
    last = outlook.at.date() - timedelta(days=1)
    for contract in validity.lake.registry.all():
        if contract.freshness == timedelta.max:
            continue
        for day in invalid_days(validity, contract.dataset, last):
            causes = roots.of(contract.dataset, day)
            standing = [cause for cause in causes if not follows_by_itself(validity, cause, outlook.at)]
            yield _stale(contract, day, causes, standing)
            for cause in causes:
                if identity_of(cause) not in told:
                    told.add(identity_of(cause))
                    yield _root(cause)


def _wrong(dataset: str, error: ContractError) -> Signal:
    """Return the signal of a contract that cannot be used: one cause with the tasks that fail with the same error."""
    own = Identity("contract", dataset)
    same = raised(Why.of(f"{type(error).__name__}: {error}".encode()), None)
    return Signal(
        "freshness",
        str(own),
        own,
        error.message,
        error.next_step,
        value=NEVER,
        dataset=dataset,
        edges=(Edge("error", same),) if same else (),
    )


def invalid_days(validity: Validity, dataset: str, last: date) -> Iterator[date]:
    """Yield the keys of a dataset that are owed, up to a day, and not valid."""
    keys = validity.owed_keys(dataset, date.min, last)
    for day in keys[~validity.plain(dataset).holds(keys)].tolist():
        if not validity.status(dataset, day).valid:
            yield day


def identity_of(reason: Reason) -> Identity:
    """Return the cause that a reason names."""
    return Identity.of_day(_CLASSES.get(reason.kind, reason.kind), reason.dataset, reason.day)


@dataclass
class Roots:
    """The roots of invalid days; each day is looked at once."""

    validity: Validity
    _known: dict[tuple[str, date], tuple[Reason, ...]] = field(default_factory=dict)

    def of(self, dataset: str, day: date) -> tuple[Reason, ...]:
        """Return the reasons at the ends of all chains of inputs, in the order of datasets and days."""
        if (dataset, day) not in self._known:
            reason = self.validity.status(dataset, day).reason
            causes: dict[Identity, Reason] = {}
            if reason is not None:
                for cause in self._inputs(reason) or (reason,):
                    causes.setdefault(identity_of(cause), cause)
            self._known[dataset, day] = tuple(causes[key] for key in sorted(causes, key=lambda cause: cause.order))
        return self._known[dataset, day]

    def _inputs(self, reason: Reason) -> list[Reason]:
        """Return the roots of the input days that make a day invalid; none where the day itself is the root."""
        contract = self.validity.lake.registry.get(reason.dataset)
        if reason.kind == "unpublished":
            return [cause for held in self._unreadable(contract, reason.day) for cause in held]
        if reason.kind == "input":
            days = self._pinned(contract, reason.day)
            return [cause for dataset, day in days for cause in self.of(dataset, day)]
        return []

    def _unreadable(self, contract: Contract, day: date) -> Iterator[Iterable[Reason]]:
        for spec in contract.inputs:
            for read in () if spec.optional else self.validity.read_days(contract, spec, day, day):
                status = self.validity.readable(spec, read)
                if not status.valid and status.reason is not None:
                    waits = status.reason.kind in {"immature", "dropped"}
                    yield (status.reason,) if waits else self.of(spec.dataset, read)

    def _pinned(self, contract: Contract, day: date) -> Iterator[tuple[str, date]]:
        newest = self.validity.history(contract.dataset).newest(day)
        for spec in contract.inputs if newest else ():
            for read in sorted(newest.run.pin(spec.dataset).days) if newest else ():
                if not self.validity.status(spec.dataset, read).valid:
                    yield spec.dataset, read


def _stale(contract: Contract, day: date, causes: Iterable[Reason], standing: Collection[Reason]) -> Signal:
    """Return what an invalid day says; it follows from the causes that do not pass by themselves."""
    own = Identity.of_day("stale", contract.dataset, day)
    held = "; ".join(f"{cause.dataset} {cause.day}: {cause.detail}" for cause in causes)
    return Signal(
        "freshness",
        f"{contract.dataset} {day}",
        own,
        f"{contract.dataset} {day} is not valid: {held}",
        f"`matinee vtts explain {contract.dataset}`, then do what its last line says.",
        since=start_of(day),
        limit=contract.freshness.total_seconds(),
        dataset=contract.dataset,
        dag=contract.dag or "",
        edges=tuple(Edge("lineage", identity_of(cause)) for cause in standing or causes),
        covered="" if standing else "its inputs are valid since a short time: its run is to come",
    )


def _root(cause: Reason) -> Signal:
    """Return what a root says; datasets that are stale because of it are the alarm."""
    return Signal(
        "freshness",
        f"root {identity_of(cause)}",
        identity_of(cause),
        f"{cause.dataset} {cause.day}: {cause.detail}",
        cause.next_step,
        limit=NEVER,
        dataset=cause.dataset,
    )
