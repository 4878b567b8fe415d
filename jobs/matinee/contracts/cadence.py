"""Cadence: which days are keys of a dataset, and how far one key lies from the next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal


@dataclass(frozen=True)
class Cadence:
    """Keys lie `step` days apart; keys of more than a day lie on one `weekday`, Monday is 0.

    A run may have another day as its key where a person names it.
    """

    name: Literal["daily", "weekly"]
    step: int = 1
    weekday: int = 0

    def first_from(self, day: date) -> date:
        """Return the first key on or after a day."""
        return day + timedelta(days=(self.weekday - day.weekday()) % self.step)

    def after(self, day: date) -> date:
        """Return the first key after a day."""
        return self.first_from(day + timedelta(days=1))

    def keys(self, first: date, last: date) -> Iterator[date]:
        """Yield the keys of a range of days, both ends included."""
        begin = self.first_from(first) if first <= last else first
        for offset in range(0, (last - begin).days + 1, self.step):
            yield begin + timedelta(days=offset)


#: By the word of contracts. A week ends with its Sunday.
CADENCES = {"daily": Cadence("daily"), "weekly": Cadence("weekly", step=7, weekday=6)}
