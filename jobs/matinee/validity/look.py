"""A look at the lake: what is asked of it is loaded once and kept, so build a new one for a new look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from matinee.contracts.model import Contract
from matinee.ledger.ledger import History, history
from matinee.ledger.model import Publication, State
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.table.landings import landed_time
from matinee.validity.manifests import Manifest, declarations, first_day, newest_of


@dataclass
class Look:
    """What the tables, the ledger and the manifests say; nothing is judged here."""

    lake: Lake
    _histories: dict[str, History] = field(default_factory=dict)
    _landed: dict[str, dict[date, int]] = field(default_factory=dict)
    _heard: dict[str, datetime | None] = field(default_factory=dict)

    @cached_property
    def declarations(self) -> list[Manifest]:
        """Everything that was ever declared, oldest first."""
        return declarations(self.lake)

    @cached_property
    def manifests(self) -> Mapping[tuple[str, date], Manifest]:
        """What is declared of each raw day now."""
        return newest_of(self.declarations)

    @cached_property
    def valid_from(self) -> date | None:
        """The first day of the lake: from the settings, else as it was declared; None: no day was ever closed."""
        return self.lake.settings.valid_from or first_day(self.declarations)

    def history(self, dataset: str) -> History:
        """Return the dataset's publications."""
        if dataset not in self._histories:
            self._histories[dataset] = history(self.lake, dataset)
        return self._histories[dataset]

    def landed(self, dataset: str) -> Mapping[date, int]:
        """Return the rows that have landed for each event day of a raw dataset."""
        if dataset not in self._landed:
            contract = self.lake.registry.get(dataset)
            for reader in self.readers(dataset):
                self.history(reader.dataset)  # First: what lands after a publication is only more than it read.
            sizes = {}
            if self.lake.exists(dataset):
                sizes = day_sizes(self.lake.table(dataset), contract.day_column or "event_day")
            self._landed[dataset] = {day: size.rows for day, size in sizes.items()}
        return self._landed[dataset]

    def heard(self, dataset: str) -> datetime | None:
        """Return when something was landed for a raw dataset last."""
        if dataset not in self._heard:
            self._heard[dataset] = landed_time(self.lake, dataset)
        return self._heard[dataset]

    def readers(self, dataset: str) -> list[Contract]:
        """Return the datasets whose rows are those of this one."""
        every = self.lake.registry.all()
        return [contract for contract in every if contract.inputs and contract.inputs[0].dataset == dataset]

    def published(self, dataset: str, day: date) -> Publication | None:
        """Return the publication of a day of a raw dataset; None where it has none, or a withdrawn one."""
        found = (self.history(reader.dataset).newest(day) for reader in self.readers(dataset))
        return next((newest for newest in found if newest and newest.state is State.PUBLISHED), None)
