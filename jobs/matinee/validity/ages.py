"""The age of a dataset: how far its VTTS lags behind the clock, and whether its contract allows that."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from matinee.contracts.model import Contract
from matinee.days import start_of
from matinee.validity.reasons import Vtts
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class Age:
    """How old a dataset is by one look.

    Attributes:
        vtts: until when the dataset can be trusted, and what holds it there.
        allowed: how far its VTTS may lag behind the clock; None: its contract sets no limit.
        owed_from: the first day that the dataset has to have; None: no day of the lake was ever closed.
    """

    vtts: Vtts
    allowed: timedelta | None
    owed_from: date | None

    @classmethod
    def of(cls, validity: Validity, contract: Contract) -> "Age":
        """Return the age of a dataset."""
        allowed = None if contract.freshness == timedelta.max else contract.freshness
        return cls(validity.vtts(contract.dataset), allowed, validity.owed_from(contract.dataset))

    def at(self, now: datetime) -> timedelta | None:
        """Return how far VTTS, or the begin of the first owed day, lags behind the clock; None where no day is owed."""
        return now - (self.vtts.vtts or start_of(self.owed_from)) if self.owed_from else None

    def is_late(self, now: datetime) -> bool:
        """Whether VTTS lags by more than the contract allows; a dataset that owes no day is never late."""
        age = self.at(now)
        return age is not None and self.allowed is not None and age > self.allowed


def is_daily(contract: Contract) -> bool:
    """Whether a dataset has days that can be valid."""
    return contract.day_column is not None and contract.kind not in {"register", "live"}
