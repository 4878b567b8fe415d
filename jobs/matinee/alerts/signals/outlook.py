"""What a look can see: the lake as it is now, the settings, and what earlier looks keep in mind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from matinee.alerts.settings import AlertSettings
from matinee.settings import Settings
from matinee.table import refs
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
    def lake(self) -> Lake:
        """The lake, opened once a look."""
        return Lake.open(self.settings)

    @cached_property
    def validity(self) -> Validity:
        """Which days can be trusted, as one look sees it."""
        return Validity(self.lake)

    def unless_changed(self, register: str, read: Callable[[Lake], T]) -> T:
        """Return what is read from a register; it is read again once the register has another snapshot."""
        head = refs.head(self.lake.table(register))
        known = self.memory.get(("register", register))
        if known is None or known[0] != head:
            known = self.memory["register", register] = head, read(self.lake)
        read_before: T = known[1]
        return read_before
