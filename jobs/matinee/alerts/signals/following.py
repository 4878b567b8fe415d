"""Days that lack nothing but their next run: their inputs were repaired lately, and the runs that read them still come.

While a cause is removed, the days that follow from the cause become valid one dataset after the other. A day whose
inputs are valid again is no cause of its own until the daily run and the healer have had their time.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import accumulate

from matinee.contracts.model import Contract
from matinee.days import day_range, instant_of
from matinee.landing.landed_files import landed_after
from matinee.ledger.model import State
from matinee.ledger.notes import Note
from matinee.table.files import data_files, upper_number
from matinee.validity.completeness import Unknown, expectation
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

#: The daily run waits for its inputs; the healer leaves them to that run for two hours, and comes each half-hour.
WITHIN = timedelta(hours=3)
#: `short`: a day that was published before the last of its rows came.
_KINDS = frozenset({"unpublished", "restated", "short"})


def follows_by_itself(validity: Validity, root: Reason, at: datetime) -> bool:
    """Whether a day that is the root of others is still to be published from inputs that became valid lately."""
    contract = validity.lake.registry.get(root.dataset)
    if root.kind not in _KINDS or contract.transform is None:
        return False
    ready = max(_ready(validity, contract, root.day), default=None)
    return ready is not None and at - ready <= WITHIN


def _ready(validity: Validity, contract: Contract, day: date) -> Iterator[datetime]:
    """Yield when each input day was first as it is to be read: what comes later, as late rows do, moves no time."""
    newest = validity.history(contract.dataset).newest(day)
    for spec in contract.inputs:
        upstream = validity.lake.registry.get(spec.dataset)
        had = newest.run.pin(spec.dataset).days if newest else {}
        for read in () if spec.optional else day_range(*contract.input_days(spec, day, day)):
            if upstream.transform is None:
                yield from _landed(validity, upstream, read)
            else:
                yield from _published(validity, spec.dataset, read, had.get(read, -1))


def _published(validity: Validity, dataset: str, day: date, generation: int) -> Iterator[datetime]:
    """Yield when a day was first published after a generation, and after it was last withdrawn."""
    since: list[Note] = []
    for note in validity.history(dataset).notes_by_day.get(day, ()):
        if note.state is State.WITHDRAWN:
            since = []
        elif note.state is State.PUBLISHED and note.generation > generation:
            since.append(note)
    if since:
        yield instant_of(min(note.recorded_us for note in since))


def _landed(validity: Validity, upstream: Contract, day: date) -> Iterator[datetime]:
    """Yield when a landed day was declared, and when the last of the rows came that it needs."""
    dataset, expected = upstream.dataset, expectation(validity, upstream.dataset, day)
    if manifest := validity.manifests.get((dataset, day)):
        yield manifest.received_ts
    if isinstance(expected, Unknown) or not validity.lake.exists(dataset):
        return
    table, column = validity.lake.table(dataset), upstream.day_column or ""
    files = data_files(table, column, first=day, last=day)
    landed = sorted((upper_number(table, file, "landing_seq"), file.record_count) for file in files)
    needed = upstream.completeness_share * expected.rows
    for (number, _), rows in zip(landed, accumulate(rows for _, rows in landed), strict=True):
        if rows >= needed:
            yield from (landing.received_ts for landing in landed_after(validity.lake, dataset, number - 1)[:1])
            return
