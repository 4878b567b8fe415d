"""Where on a page an impression is, in four bands; the bands' edges stand in the contract of the tiles."""

from dataclasses import dataclass

from matinee.contracts.model import Contract
from matinee.contracts.readers import Needs

#: The last row of each band that has one.
PARAMETERS: Needs = {"location.top": "number", "location.middle": "number"}


@dataclass(frozen=True)
class Bands:
    """The bands of a page: `row` and `position` are the columns that say where an impression is.

    The billboard is the first position of row 1; `top` and `middle` are the last rows of these bands; the bottom is all
    rows after them.
    """

    row: str
    position: str
    top: int
    middle: int

    @classmethod
    def of(cls, contract: Contract) -> "Bands":
        """Return the bands of a contract that names the columns of a `location` and has the `PARAMETERS`."""
        row, position = contract.named["location"]
        return cls(row, position, *(int(contract.number(name)) for name in PARAMETERS))

    @property
    def sql(self) -> str:
        """The band of an impression as an expression of SQL over the two columns, both counted from 1."""
        return (
            f"CASE WHEN {self.row} = 1 AND {self.position} = 1 THEN 'billboard' "
            f"WHEN {self.row} <= {self.top} THEN 'top' WHEN {self.row} <= {self.middle} THEN 'middle' ELSE 'bottom' END"
        )

    def band(self, row: int, position: int) -> str:
        """Return the band of a place, as `sql` says it."""
        if row == 1 and position == 1:
            return "billboard"
        return "top" if row <= self.top else "middle" if row <= self.middle else "bottom"
