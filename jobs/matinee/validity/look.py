"""A look at the lake: what it loads is kept, so make a new `Look` to see later changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract, InputSpec
from matinee.errors import DroppedError
from matinee.ledger.columns import days_of, numbers_of, values_on
from matinee.ledger.dropping import begin_of
from matinee.ledger.ledger import History, history
from matinee.ledger.model import State
from matinee.ledger.notes import Note
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.table.landings import landed_time
from matinee.validity.manifests import Declared, declared
from matinee.validity.outside import OutsideChange, changed_outside

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Look:
    """What the tables, the ledger and the manifests say; nothing is judged here."""

    lake: Lake
    _histories: dict[str, History] = field(default_factory=dict)
    _landed: dict[str, dict[date, int]] = field(default_factory=dict)
    _landed_columns: "dict[str, tuple[np.ndarray, np.ndarray]]" = field(default_factory=dict)
    _begins: dict[str, date | None] = field(default_factory=dict)
    _heard: dict[str, datetime | None] = field(default_factory=dict)
    _outside: dict[str, dict[date, OutsideChange]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin a look: each table is loaded once."""
        self.lake = self.lake.reloaded().one_look()

    @cached_property
    def manifests(self) -> Declared:
        """What is declared of each raw day now."""
        return declared(self.lake)

    @cached_property
    def valid_from(self) -> date | None:
        """The first day of the lake: from the settings, else as it was declared; None: no day was ever closed."""
        return self.lake.settings.valid_from or self.manifests.first_day

    def history(self, dataset: str) -> History:
        """Return the dataset's publications."""
        if dataset not in self._histories:
            self._histories[dataset] = history(self.lake, dataset)
        return self._histories[dataset]

    def outside(self, dataset: str) -> Mapping[date, OutsideChange]:
        """Return the published days that something else than a publication has changed."""
        if dataset not in self._outside:
            self._outside[dataset] = changed_outside(self.lake, self.history(dataset))
        return self._outside[dataset]

    def landed(self, dataset: str) -> Mapping[date, int]:
        """Return the rows that have landed for each event day of a raw dataset."""
        if dataset not in self._landed:
            contract = self.lake.registry.get(dataset)
            self._know_readers(dataset)
            sizes, self._begins[dataset] = {}, None
            if self.lake.exists(dataset):
                table = self.lake.table(dataset)
                sizes, self._begins[dataset] = day_sizes(table, contract.day_column or ""), begin_of(table)
            self._landed[dataset] = {day: size.rows for day, size in sizes.items()}
        return self._landed[dataset]

    def landed_rows(self, dataset: str, days: "np.ndarray") -> "np.ndarray":
        """Return the rows that have landed for each of some event days of a raw dataset."""
        if dataset not in self._landed_columns:
            self._landed_columns[dataset] = numbers_of(self.landed(dataset))
        return values_on(days, *self._landed_columns[dataset], 0)

    def generations(self, dataset: str, days: "np.ndarray") -> "np.ndarray":
        """Return the generation of each of some days of a published dataset; -1 where a day has no publication."""
        import numpy as np

        newest = self.history(dataset).newest_columns
        if newest is None:
            return np.full(days.shape, -1)
        return values_on(days, days_of(newest), newest["generation"].to_numpy(), -1)

    def begin(self, dataset: str) -> date:
        """Return the first day that is left of a dataset of which days were dropped; `date.min` where none was."""
        if self.lake.registry.get(dataset).transform is not None:
            return self.history(dataset).begin or date.min
        self.landed(dataset)
        return self._begins[dataset] or date.min

    def derivable_from(self, contract: Contract) -> date:
        """Return the first day that a run may publish: from there on no day, and no day that it reads, was dropped.

        An earlier day would lose the rows that are gone.
        """
        reads = (_first_reading(contract, spec, self.begin(spec.dataset)) for spec in contract.inputs)
        return max([self.begin(contract.dataset), *reads])

    def require_derivable(self, contract: Contract, day: date) -> date:
        """Return `derivable_from`.

        Raises:
            DroppedError: the day lies before it.
        """
        first = self.derivable_from(contract)
        if day < first:
            raise DroppedError(
                f"{contract.dataset} {day} is not derived again: it was dropped, or a day that it reads was.",
                next_step=f"Give keys from {first} on; `matinee doctor` says which days each dataset keeps.",
                facts={"dataset": contract.dataset, "day": day, "derivable_from": first},
            )
        return first

    def owed_from(self, dataset: str) -> date | None:
        """Return the first key that a dataset has to have; None: no day of the lake was ever closed.

        That is the first key of the lake or, where days were dropped, the first key that can still be derived from
        landed rows: a key that cannot be derived any more is not owed.
        """
        if self.valid_from is None:
            return None
        cadence = self.lake.registry.get(dataset).cadence
        return cadence.first_from(max(self.valid_from, self._repairable_from(dataset)))

    def read_days(self, contract: Contract, spec: InputSpec, first: date, last: date) -> Iterator[date]:
        """Yield the days of an input that publishing a range of days reads: the input's keys."""
        return self.lake.registry.get(spec.dataset).cadence.keys(*contract.input_days(spec, first, last))

    def repaired_days(self, dataset: str) -> "np.ndarray":
        """Return the published days that heals derive again, earliest first: of days that stand alone, the newest."""
        days = self.history(dataset).newest_notes.days
        return days if self.lake.registry.get(dataset).history == "unbroken" else days[-1:]

    def _repairable_from(self, dataset: str) -> date:
        contract = self.lake.registry.get(dataset)
        reads = (_first_reading(contract, spec, self._repairable_from(spec.dataset)) for spec in contract.inputs)
        return max([self.begin(dataset), *reads])

    def heard(self, dataset: str) -> datetime | None:
        """Return the time of the last landing of a raw dataset."""
        if dataset not in self._heard:
            self._know_readers(dataset)
            self._heard[dataset] = landed_time(self.lake, dataset)
        return self._heard[dataset]

    def _know_readers(self, dataset: str) -> None:
        """Load the histories of the datasets that are made from a raw dataset before the raw dataset itself.

        Rows that land in between then only add to the rows that were read: no rows seem lost.
        """
        for reader in self.readers(dataset):
            self.history(reader.dataset)

    def readers(self, dataset: str) -> list[Contract]:
        """Return the datasets that are made from the rows of a raw dataset."""
        every = self.lake.registry.all()
        return [contract for contract in every if contract.inputs and contract.inputs[0].dataset == dataset]

    def published_note(self, dataset: str, day: date) -> Note | None:
        """Return the note of the publication of a raw day; None where it has no publication, or a withdrawn one."""
        notes = (self.history(reader.dataset).newest_notes.get(day) for reader in self.readers(dataset))
        return next((newest for newest in notes if newest and newest.state is State.PUBLISHED), None)


def _first_reading(contract: Contract, spec: InputSpec, begin: date) -> date:
    """Return the first day of a dataset that reads no day of an input before `begin`."""
    day = begin
    while contract.input_days(spec, day, day)[0] < begin:
        day += timedelta(days=1)
    return day
