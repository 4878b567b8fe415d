"""Retired datasets: their tables were dropped, and the catalog gives their names to no other table.

The registers know landed files, declared days and publications by the name of their dataset. Another table of that name
would skip files that it never landed, and count days as published that it does not hold.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from matinee.errors import RetiredError

if TYPE_CHECKING:
    import pyarrow as pa

    from matinee.table.catalog import Lake

RETIREMENTS = "ops.retirements"
BEGUN, DONE = "BEGUN", "DONE"


@dataclass(frozen=True)
class Retirement:
    """A row of the register: the retirement of a dataset, or of a live table."""

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
    """Return the last record of each retired dataset, by name."""
    if not lake.exists(RETIREMENTS):
        return {}
    return last_by_dataset(lake.table(RETIREMENTS).scan().to_arrow())


def gone(lake: "Lake") -> set[str]:
    """Return the names of retired datasets, and of live tables, that have no table any more.

    Their contracts may still be declared: code that works on all datasets skips these.
    """
    return {name for name in retirements(lake) if not lake.exists(name)}


def last_by_dataset(rows: "pa.Table") -> dict[str, Retirement]:
    """Return the last row of the register for each dataset."""
    ordered = sorted(
        (Retirement(**row) for row in rows.to_pylist()),
        key=lambda retirement: (retirement.recorded_ts, retirement.is_done),
    )
    return {retirement.dataset: retirement for retirement in ordered}


def refuse_retired(lake: "Lake", dataset: str) -> None:
    """Refuse to make a table, or to land files, under the name of a retired dataset.

    Raises:
        RetiredError: the dataset was retired, or is being retired.
    """
    retirement = retirements(lake).get(dataset)
    if retirement is not None:
        raise RetiredError(
            f"{dataset} was retired by {retirement.holder} on {retirement.recorded_ts:%Y-%m-%d} ({retirement.why}): "
            "no table of that name is made again.",
            next_step="Remove its folder and its DAG, or give the new dataset another name.",
            facts={"dataset": dataset, "why": retirement.why, "holder": retirement.holder},
        )
