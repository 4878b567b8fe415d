"""Maturity: until when the rows of a published day are final, where an input is read ahead of the day."""

from datetime import date, datetime

from matinee.contracts.model import Contract
from matinee.days import end_of, start_of
from matinee.ledger.notes import Note


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
