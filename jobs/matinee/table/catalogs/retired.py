"""Retired datasets: their tables were dropped, and the catalog gives their names to no other table.

The registers know landed files, declared days and publications by the name of their dataset. Another table of that name
would pass over files that it never had, and count days as published that it does not hold.
"""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from matinee.errors import RetiredError

if TYPE_CHECKING:
    import pyarrow as pa

    from matinee.table.catalog import Lake

RETIREMENTS = "ops.retirements"
BEGUN, DONE = "BEGUN", "DONE"


class Retirement(NamedTuple):
    """What the register says of a dataset, or of a live table: a row."""

    dataset: str
    state: str
    location: str
    why: str
    holder: str
    recorded_ts: datetime

    @property
    def is_done(self) -> bool:
        """Whether the table is gone, with its files."""
        return self.state == DONE


def retirements(lake: "Lake") -> dict[str, Retirement]:
    """Return what was recorded last of each dataset that was retired, by name."""
    if not lake.exists(RETIREMENTS):
        return {}
    return last_by_dataset(lake.table(RETIREMENTS).scan().to_arrow())


def gone(lake: "Lake") -> set[str]:
    """Return the names of retired datasets, and of live tables, that have no table any more.

    Their contracts may be declared still: what works on all datasets passes these over, and does the others.
    """
    return {name for name in retirements(lake) if not lake.exists(name)}


def last_by_dataset(rows: "pa.Table") -> dict[str, Retirement]:
    """Return the rows of the register that hold, by dataset."""
    found = sorted((Retirement(**row) for row in rows.to_pylist()), key=lambda one: (one.recorded_ts, one.is_done))
    return {one.dataset: one for one in found}


def refuse_retired(lake: "Lake", dataset: str) -> None:
    """Refuse to make a table of a name that a retired dataset has had, and to land for it.

    Raises:
        RetiredError: the dataset was retired, or is being retired.
    """
    found = retirements(lake).get(dataset)
    if found is not None:
        raise RetiredError(
            f"{dataset} was retired by {found.holder} on {found.recorded_ts:%Y-%m-%d} ({found.why}): no table of that "
            "name is made again.",
            next_step="Remove its folder and its DAG, or give the new dataset another name.",
            facts={"dataset": dataset, "why": found.why, "holder": found.holder},
        )
