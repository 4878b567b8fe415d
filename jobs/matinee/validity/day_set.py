"""Sets of days as arrays: operations on thousands of days at once."""

from collections.abc import Collection, Iterable, Iterator, Set
from datetime import date
from typing import TYPE_CHECKING

from matinee.ledger.columns import values_on

if TYPE_CHECKING:
    import numpy as np


class DaySet(Set[date]):
    """Some days; `days` has them as `datetime64[D]`, from the first to the last."""

    def __init__(self, days: "np.ndarray | None" = None) -> None:
        """Take days in any order; repeats are removed."""
        import numpy as np

        known = np.array([], "datetime64[D]") if days is None else days
        self.days = known if (known[1:] > known[:-1]).all() else np.unique(known)

    @classmethod
    def _from_iterable(cls, days: Iterable[date]) -> "DaySet":  # type: ignore[override]
        return cls.of([*days])

    @classmethod
    def of(cls, days: Collection[date]) -> "DaySet":
        """Return the set of `date` objects."""
        import numpy as np

        return cls(np.array([*days], "datetime64[D]"))

    def unbroken_from(self, first: date, step: int = 1) -> int:
        """Return how many days, so many days apart and from a first day on, are all of this set."""
        import numpy as np

        start = np.datetime64(first, "D")
        later = (self.days[np.searchsorted(self.days, start) :] - start).astype(np.int64)
        places = later[later % step == 0] // step
        return int((places == np.arange(len(places))).sum())

    def holds(self, days: "np.ndarray") -> "np.ndarray":
        """Return which of some days, an array of any shape, are of this set."""
        import numpy as np

        return values_on(days, self.days, np.full(len(self.days), fill_value=True), missing=False)

    def __contains__(self, day: object) -> bool:
        import numpy as np

        return isinstance(day, date) and bool(self.holds(np.array(day, "datetime64[D]")))

    def __iter__(self) -> Iterator[date]:
        return iter(self.days.tolist())

    def __len__(self) -> int:
        return len(self.days)
