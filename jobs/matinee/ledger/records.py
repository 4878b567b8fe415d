"""Records: the columns of a dataset's records in their order, which day has which, and each day's newest."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from matinee.ledger.columns import days_of
from matinee.ledger.model import REACHED

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class Records:
    """Records by day, then by `Note.age`; `columns` are those of `columns.schema`."""

    columns: "pa.Table"

    @cached_property
    def newest(self) -> "np.ndarray":
        """The row of each day's newest publication that reached `main`, by day; other days are left out.

        Of several publications with one sequence number the oldest counts.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        reached = np.flatnonzero(pc.is_in(self.columns["state"], pa.array(REACHED)))
        days = days_of(self.columns)[reached]
        sequence = pc.fill_null(self.columns["head_sequence_number"], 0).to_numpy()[reached]
        oldest = np.flatnonzero(_differ(days) | _differ(sequence))
        newest: np.ndarray = reached[oldest[_differ(days[oldest][::-1])[::-1]]]
        return newest

    @cached_property
    def newest_columns(self) -> "pa.Table":
        """The columns of each day's newest publication, by day."""
        every = len(self.newest) == len(self.columns)
        return self.columns if every else self.columns.take(self.newest)

    def by_day(self, read: Callable[[range], _Value]) -> "ByDay[_Value]":
        """Return what `read` makes of the rows of each day."""
        import numpy as np

        days = days_of(self.columns)
        begins = np.flatnonzero(_differ(days))
        ends = np.append(begins[1:], len(days))
        return ByDay(days[begins], lambda place: read(range(int(begins[place]), int(ends[place]))))

    def newest_by_day(self, read: Callable[[int], _Value]) -> "ByDay[_Value]":
        """Return what `read` makes of the row of each day's newest publication."""
        newest = self.newest
        return ByDay(days_of(self.columns)[newest], lambda place: read(int(newest[place])))


class ByDay(Mapping[date, _Value]):
    """Values by day, each made when it is read."""

    def __init__(self, days: "np.ndarray", read: Callable[[int], _Value]) -> None:
        """Take the days, in order, and what makes the value of the day at a position."""
        self.days, self._read = days, read

    def __getitem__(self, day: date) -> _Value:
        place = self._place(day)
        if place is None:
            raise KeyError(day)
        return self._read(place)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self._place(day) is not None

    def __iter__(self) -> Iterator[date]:
        return iter(self.days.tolist())

    def __len__(self) -> int:
        return len(self.days)

    def _place(self, day: date) -> int | None:
        import numpy as np

        wanted = np.datetime64(day, "D")
        place = int(self.days.searchsorted(wanted))
        return place if place < len(self.days) and self.days[place] == wanted else None


def ordered(columns: "pa.Table") -> "np.ndarray":
    """Return the positions of rows by day, then by `Note.age`."""
    import numpy as np
    import pyarrow.compute as pc

    sequence = pc.fill_null(columns["head_sequence_number"], 0)
    aged = columns.select(["day", "recorded_ts", "publication_id"]).append_column("sequence", sequence)
    order = [(name, "ascending") for name in ("day", "sequence", "recorded_ts", "publication_id")]
    return np.asarray(pc.sort_indices(aged, sort_keys=order))


def _differ(values: "np.ndarray") -> "np.ndarray":
    """Return which values differ from the value before them; the first does."""
    import numpy as np

    return np.append(values[:1] == values[:1], values[1:] != values[:-1])
