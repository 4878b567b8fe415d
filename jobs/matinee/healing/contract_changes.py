"""Contract changes: the published days that a changed contract restates, by the records of their publications.

No day is derived here: a person starts the backfill.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from matinee.contracts import evolve
from matinee.contracts.ddl import BUCKETS, IN_PART
from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.errors import ContractError
from matinee.ledger.model import State
from matinee.publication.terms import other_terms, row_terms, terms_of
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class ContractChange:
    """What a contract changes in a dataset, and the published days that it restates.

    Attributes:
        version: of the contract as it is now.
        changes: what differs, in words.
        days: the days, oldest first; none where only the table changes.
        next_step: what restates the days, or changes the table.
    """

    dataset: str
    version: str
    changes: tuple[str, ...]
    days: tuple[date, ...]
    next_step: str


def contract_changes(lake: Lake) -> Iterator[ContractChange]:
    """Yield the changes of the contracts, inputs before the datasets that are made from them.

    Days that cannot be derived any more, because they or days that they read were dropped, are not restated; nor are
    days that were withdrawn.

    Raises:
        ContractError: after the last change: contracts ask for changes that their tables cannot follow.
    """
    validity, restated, refused = Validity(lake), dict[str, set[date]](), list[ContractError]()
    for contract in lake.registry.all():
        if not lake.exists(contract.dataset):
            continue
        try:
            changes = tuple(map(str, evolve.plan(contract, lake.table(contract.dataset))))
        except ContractError as error:
            refused.append(error)
            continue
        if contract.is_live:
            yield from _rebucketed(lake, contract)
        if changes:
            yield ContractChange(contract.dataset, contract.version, changes, (), "The next write changes the table.")
        if contract.transform:
            by_cause = _restated(validity, contract, restated)
            restated[contract.dataset] = {day for days in by_cause.values() for day in days}
            for cause, days in by_cause.items():
                words, step = cause.words(contract), cause.next_step(contract, days)
                yield ContractChange(contract.dataset, contract.version, words, tuple(days), step)
    if refused:
        raise ContractError(" ".join(each.message for each in refused), next_step=refused[0].next_step)


def _rebucketed(lake: Lake, contract: Contract) -> Iterator[ContractChange]:
    """Yield the change of a live table whose rows are in another number of buckets than its contract says."""
    table = lake.table(contract.dataset)
    before, now = table.properties.get(BUCKETS), str(contract.cells.buckets)
    if before not in (None, now):
        days = tuple(sorted(day_sizes(table, contract.day_column or "")))
        words = f"cells.buckets: {'in part' if before == IN_PART else before} ▸ {now}"
        step = "The next tick of the stream derives these live days again."
        yield ContractChange(contract.dataset, contract.version, (words,), days, step)


class _Cause(NamedTuple):
    """Why a day is restated: the version of the contract that it was made by, and the changed terms and inputs."""

    version: str
    terms: tuple[str, ...]
    inputs: tuple[str, ...]

    def words(self, contract: Contract) -> tuple[str, ...]:
        version = () if self.version == contract.version else (f"contract: {self.version} ▸ {contract.version}",)
        return (*version, *self.terms, *(f"its input {name} is restated" for name in self.inputs))

    def next_step(self, contract: Contract, days: list[date]) -> str:
        own = self.terms or self.version != contract.version
        if contract.dag and not own:
            return "Nothing: the backfill of its input derives these days, too."
        keys = f"{contract.dataset} --from {days[0]} --to {days[-1]}"
        command = f'backfill apply {keys} --reason "contract {contract.version}"' if contract.dag else f"run {keys}"
        unversioned = self.terms and self.version == contract.version
        first = "Give the contract a new version: its rows are others. Then " if unversioned else ""
        return f"{first}`matinee {command}`."


def _restated(validity: Validity, contract: Contract, restated: Mapping[str, set[date]]) -> dict[_Cause, list[date]]:
    terms, by_cause = row_terms(contract), defaultdict[_Cause, list[date]](list)
    published, first = validity.history(contract.dataset), validity.derivable_from(contract)
    for day in validity.repaired_days(contract.dataset).tolist():
        newest = published.newest(day) if day >= first else None
        if newest is None or newest.state is not State.PUBLISHED:
            continue
        cause = _Cause(
            newest.run.contract_version,
            other_terms(terms_of(validity.lake, newest.run), terms),
            tuple(_read(contract, day, restated)),
        )
        if cause.words(contract):
            by_cause[cause].append(day)
    return dict(by_cause)


def _read(contract: Contract, day: date, restated: Mapping[str, set[date]]) -> Iterator[str]:
    """Yield the inputs of which a day reads restated days."""
    for spec in contract.inputs:
        days = restated.get(spec.dataset, set())
        if any(read in days for read in day_range(*contract.input_days(spec, day, day))):
            yield spec.dataset
