"""What a look can see: the lake as it is now, the settings, and what earlier looks keep in mind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from matinee.alerts.settings import AlertSettings
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

T = TypeVar("T")


@dataclass
class Outlook:
    """One look at the lake, its machine and its Airflow, at one instant.

    Attributes:
        memory: kept from look to look by the watcher: what is dear to learn, by who learned it.
    """

    settings: Settings
    ours: AlertSettings
    at: datetime
    memory: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def registry(self) -> Registry:
        """The contracts, which need no catalog."""
        return Registry.load(self.settings.sql_dir)

    @property
    def left_out(self) -> set[str]:
        """The datasets that no look sees, as their contracts cannot be used; none where no contract can be read.

        Then each look fails, and says so.
        """
        try:
            return set(self.registry.left_out)
        except ContractError:
            return set()

    @cached_property
    def lake(self) -> Lake:
        """The lake, opened once a look."""
        return Lake.open(self.settings)

    @cached_property
    def validity(self) -> Validity:
        """Which days can be trusted, as one look sees it."""
        return Validity(self.lake)

    def remembered(self, name: str, each: timedelta, learn: Callable[[], T]) -> T:
        """Return what was learned within some time, else learn it now."""
        known: tuple[datetime, T] | None = self.memory.get(("remembered", name))
        if known is None or self.at - known[0] >= each:
            known = self.memory["remembered", name] = (self.at, learn())
        return known[1]
