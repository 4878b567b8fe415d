"""Maturity: until when the rows of a published day are final, where an input is read ahead of the day."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.days import MICROSECOND, end_of, start_of
from matinee.ledger.columns import days_of
from matinee.ledger.notes import Note
from matinee.validity.day_set import DaySet

if TYPE_CHECKING:
    import pyarrow as pa


def looks_ahead(contract: Contract) -> bool:
    """Whether rows of a dataset may still change with inputs of later days."""
    return any(spec.lookahead != "0d" for spec in contract.inputs)


def settled_through(contract: Contract, newest: Note | None, day: date) -> datetime | None:
    """Return until when the rows of a published day are final, at most its end; None where none of them is."""
    ahead = next((spec.lookahead for spec in contract.inputs if spec.lookahead != "0d"), None)
    as_of = newest.as_of if newest else None
    if ahead is None or as_of is None:
        return None
    settled = min(as_of - contract.duration(ahead), end_of(day))
    return settled if settled > start_of(day) else None


def is_settled(contract: Contract, newest: Note | None, day: date) -> bool:
    """Whether every row of a published day is final."""
    return not looks_ahead(contract) or settled_through(contract, newest, day) == end_of(day)


def first_unsettled(contract: Contract, newest: "pa.Table | None", first: date, last: date) -> date | None:
    """Return the first day of a range of which not every row is final; None where all are.

    Args:
        contract: of a dataset that `looks_ahead`.
        newest: the columns of each day's newest publication.
        first, last: the range; a key, and the last day.
    """
    import numpy as np
    import pyarrow.compute as pc

    wanted = np.arange(np.datetime64(first), np.datetime64(last) + 1, contract.cadence.step)
    if newest is not None:
        ahead = next(spec.lookahead for spec in contract.inputs if spec.lookahead != "0d")
        settled = pc.fill_null(newest["as_of_us"], 0).to_numpy() - contract.duration(ahead) // MICROSECOND
        ends = (days_of(newest) + 1).astype("datetime64[us]").astype(np.int64)
        final = pc.is_valid(newest["as_of_us"]).to_numpy() & (settled >= ends)
        wanted = wanted[~DaySet(days_of(newest)[final]).holds(wanted)]
    return wanted[0].item() if len(wanted) else None
