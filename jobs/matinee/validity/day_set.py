"""Sets of days as arrays: operations on thousands of days at once."""

from collections.abc import Collection, Iterable, Iterator, Set
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class DaySet(Set[date]):
    """Some days; `days` has them as `datetime64[D]`, from the first to the last."""

    def __init__(self, days: "np.ndarray | None" = None) -> None:
        """Take days in any order; repeats are removed."""
        import numpy as np

        self.days = np.unique(np.array([], "datetime64[D]") if days is None else days)

    @classmethod
    def _from_iterable(cls, days: Iterable[date]) -> "DaySet":  # type: ignore[override]
        return cls.of([*days])

    @classmethod
    def of(cls, days: Collection[date]) -> "DaySet":
        """Return the set of `date` objects."""
        import numpy as np

        return cls(np.array([*days], "datetime64[D]"))

    def unbroken_from(self, first: date) -> int:
        """Return how many days from a first one on are all of this set."""
        import numpy as np

        start = np.datetime64(first, "D")
        later = self.days[np.searchsorted(self.days, start) :]
        return int((later == start + np.arange(len(later))).sum())

    @cached_property
    def _dates(self) -> frozenset[date]:
        return frozenset(self.days.tolist())

    def __contains__(self, day: object) -> bool:
        return day in self._dates

    def __iter__(self) -> Iterator[date]:
        return iter(self.days.tolist())

    def __len__(self) -> int:
        return len(self.days)
