"""Recovery: complete the ledger by what `main` says, before every run and before every expiry. Idempotent by id."""

from dataclasses import replace

from matinee.ledger import pins
from matinee.ledger.ledger import history, noted_after, record, recorded
from matinee.ledger.model import REACHED, Publication, State
from matinee.ledger.notes import Note
from matinee.table import refs
from matinee.table.catalog import Lake


def recover(lake: Lake, dataset: str) -> tuple[Publication, ...]:
    """Append the missing PUBLISHED, WITHDRAWN and ABANDONED rows of a dataset.

    PUBLISHED, WITHDRAWN: a snapshot in `main`'s ancestry says so and no row does. ABANDONED: prepared, not in the
    ancestry, and its branch is gone, so nothing can publish it any more. The pins of such a run are released.

    Returns:
        The rows that were appended; empty where ledger and data agree.
    """
    # The ledger is read first: a publication that another run prepares later is alive, and not known here.
    published = history(lake, dataset)
    if published.table is None:
        return ()
    unrecorded: list[tuple[Note, Publication]] = []
    for before, note in published.unsettled():
        if note.state in REACHED and before.state is not note.state:
            unrecorded.append((before, published.of(note)))
        elif note.state is State.PREPARED and refs.reference(published.table, note.branch) is None:
            unrecorded.append((before, abandoned(published.of(note), "its branch is gone")))
    # Only where rows are missing is the ledger read again: records that others replaced meanwhile are left alone.
    noted = set(recorded(lake, dataset).notes.values()) if unrecorded else set()
    missing = tuple(publication for before, publication in unrecorded if before in noted)
    record(lake, missing)
    for run in {publication.publication_id: publication.run for publication in missing}.values():
        pins.release(lake, run.publication_id, run.pinned)
    return missing


def abandoned(publication: Publication, reason: str) -> Publication:
    """Return the record that a publication will not reach `main`."""
    return replace(publication, state=State.ABANDONED, recorded_ts=noted_after([publication]), reason=reason)
