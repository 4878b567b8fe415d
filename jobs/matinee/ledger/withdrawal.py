"""Withdrawing a day: a commit to the dataset's own `main` comes first, so that every publication in flight meets it.

Only the requirement on `main` orders a withdrawal and a publication, whatever the clocks of their machines say. The
ledger's row follows the commit; where the process dies between the two, recovery appends the row.
"""

from matinee import faults, retries
from matinee.errors import CommitConflictError
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Publication, State, Withdrawal
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import replace_files
from matinee.table.registers import stamp


def withdraw(lake: Lake, publication: Publication, reason: str) -> Publication:
    """Declare that a published day is not to be trusted any more; its generation rises, its rows stay.

    Args:
        lake: the lake.
        publication: the day's newest publication; its verdicts become those of the record.
        reason: why; it stands in the ledger and in `vtts explain`.

    Returns:
        The record as it stands now; where the day was withdrawn already, the record of that withdrawal.

    Raises:
        CommitConflictError: the day was published again meanwhile, or others committed first in every try.
    """
    dataset = publication.run.dataset

    def once() -> Publication:
        table = lake.table(dataset)  # Before the ledger is read: a commit in between is a conflict.
        newest = history(lake, dataset).newest(publication.day)
        if newest is None or newest.publication_id != publication.publication_id:
            raise _overtaken(publication, newest)
        if newest.state is State.WITHDRAWN:
            return newest
        word = Withdrawal(newest.publication_id, newest.day, newest.generation + 1, reason, stamp())
        with retries.again_where_lost:
            replace_files(table, refs.MAIN, [], [], word.to_summary())
        faults.reach("withdraw.after_commit")
        withdrawn = word.record(publication)
        record(lake, [withdrawn])
        return withdrawn

    lost = CommitConflictError(
        f"Others committed to {dataset} first, {refs.COMMIT_TRIES} times: {publication.day} is not withdrawn.",
        next_step="Withdraw the day again when fewer writers are at work.",
        facts={"dataset": dataset, "day": publication.day},
    )
    return retries.committed(once, lost)


def _overtaken(publication: Publication, newest: Publication | None) -> CommitConflictError:
    other = newest.publication_id if newest else "nothing"
    return CommitConflictError(
        f"{publication.run.dataset} {publication.day} is not withdrawn: its newest publication is {other} by now, "
        f"not {publication.publication_id}.",
        next_step="Look at the new publication; withdraw the day again if the reason still holds.",
        facts={"dataset": publication.run.dataset, "day": publication.day, "publication_id": other},
    )
