"""Recovery: bring the ledger up to what `main` says, before every run and before every expiry. Idempotent by id."""

from dataclasses import replace

from matinee.ledger import pins
from matinee.ledger.ledger import history, noted_after, record, recorded
from matinee.ledger.model import REACHED, Publication, State
from matinee.table import refs
from matinee.table.catalog import Lake


def recover(lake: Lake, dataset: str) -> tuple[Publication, ...]:
    """Append the missing PUBLISHED, WITHDRAWN and ABANDONED rows of a dataset.

    PUBLISHED, WITHDRAWN: a snapshot in `main`'s ancestry says so and no row does. ABANDONED: prepared, not in the
    ancestry, and its branch is gone, so nothing can publish it any more. What such a run still held is let go.

    Returns:
        The rows that were appended; empty where ledger and data agree.
    """
    if not lake.exists(dataset):
        return ()
    noted = recorded(lake, dataset).notes
    table = lake.table(dataset)
    missing: list[Publication] = []
    published = history(lake, dataset)
    for note in published.notes:
        before = noted.get((note.publication_id, note.day))
        if before is None:
            continue  # Prepared by another run since the first look: it is alive.
        if note.state in REACHED and before.state is not note.state:
            missing.append(published.of(note))
        elif note.state is State.PREPARED and refs.reference(table, note.branch) is None:
            missing.append(abandoned(published.of(note), "its branch is gone"))
    record(lake, missing)
    for run in {one.publication_id: one.run for one in missing}.values():
        pins.release(lake, run.publication_id, run.pinned)
    return tuple(missing)


def abandoned(publication: Publication, reason: str) -> Publication:
    """Return the record that a publication will not reach `main`."""
    return replace(publication, state=State.ABANDONED, recorded_ts=noted_after([publication]), reason=reason)
