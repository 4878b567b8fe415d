"""Generations: the number of a published day rises where its input has changed since."""

from datetime import date

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.ledger.ledger import History
from matinee.ledger.model import Buckets, Run
from matinee.publication.terms import other_terms


def generation(
    contract: Contract, published: History, run: Run, day: date, *, read: int, rewritten: Buckets = None
) -> int:
    """Return the generation with which a run publishes a day.

    It rises where the input of the newest publication has changed: an input day that this publication read has another
    generation, has more landed rows or is gone; the first input has another number of rows, `read`, than it had; or the
    contract changed. Input days that the publication did not read (a label that matures) are no change. A heal that
    changed no row (`rewritten` is empty) does not raise it: what is built on the day has nothing to read again.
    """
    newest = published.newest(day)
    if newest is None:
        return 1
    changed = read != newest.rows.read or _changed(contract, newest.run, run, day)
    same = newest.publication_id == run.publication_id or rewritten == () or not changed
    return newest.generation if same else newest.generation + 1


def _changed(contract: Contract, before: Run, now: Run, day: date) -> bool:
    if before.contract_version != now.contract_version or other_terms(before.terms, now.terms):
        return True
    for spec in contract.inputs:
        ours, theirs = now.pin(spec.dataset).days, before.pin(spec.dataset).days
        read = day_range(*contract.input_days(spec, day, day))
        if any(other in theirs and theirs[other] != ours.get(other) for other in read):
            return True
    return False
