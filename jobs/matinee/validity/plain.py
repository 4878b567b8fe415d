"""Plain days: those that columns and counts show to be valid, nearly all of a long history; no publication is read.

What is no plain day may be valid all the same: `validity.validity` judges it, and says why where it is not.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import date

from matinee.contracts.model import Contract
from matinee.ledger.model import State
from matinee.ledger.notes import Note, Read
from matinee.validity.look import Look


def plain_days(look: Look, contract: Contract, plain: Callable[[str], Collection[date]]) -> frozenset[date]:
    """Return the plain days of a dataset, of the days that it owes.

    Args:
        look: a look at the lake.
        contract: of the dataset.
        plain: the plain days of an input.
    """
    if look.valid_from is None:
        return frozenset()
    first = max(look.valid_from, look.begin(contract.dataset))
    if contract.transform is None:
        return frozenset(day for day in _landed(look, contract) if day >= first)
    published = look.history(contract.dataset)
    found = {day for day, note in published.newest_notes.items() if day >= first and _stands(look, contract, note)}
    inputs = {spec.dataset for spec in contract.inputs}
    return frozenset(day for day in found if _reads_plain(look, published.reads[day], inputs, plain))


def _landed(look: Look, contract: Contract) -> Iterator[date]:
    """Yield the published days of a raw dataset of which enough rows have landed."""
    dataset, notes = contract.dataset, dict[date, Note]()
    for reader in look.readers(dataset):
        for day, note in look.history(reader.dataset).newest_notes.items():
            if note.state is State.PUBLISHED:
                notes.setdefault(day, note)
    for day, note in notes.items():
        rows, manifest = look.landed(dataset).get(day, 0), look.manifests.get((dataset, day))
        if manifest is None:
            enough = rows >= note.read
        else:
            counted = manifest.closed and manifest.expected_distinct is None
            enough = counted and rows >= contract.completeness_share * manifest.expected_rows
        if enough:
            yield day


def _stands(look: Look, contract: Contract, note: Note) -> bool:
    """Whether a publication holds, whatever has become of the days of published datasets that it read."""
    if note.state is not State.PUBLISHED or note.blocked or note.day in look.outside(contract.dataset):
        return False
    source = look.lake.registry.get(contract.inputs[0].dataset)
    if source.transform is not None or note.day < look.begin(source.dataset):
        return True
    if look.landed(source.dataset).get(note.day, 0) < note.read:
        return False
    manifest = look.manifests.get((source.dataset, note.day))
    if manifest is None or not manifest.closed:
        return True
    return manifest.expected_distinct is None and note.read >= source.completeness_share * manifest.expected_rows


def _reads_plain(
    look: Look,
    reads: Collection[Read],
    inputs: Collection[str],
    plain: Callable[[str], Collection[date]],
) -> bool:
    """Whether all that a publication read is plain, and of the generation that it read."""
    for read in reads:
        if read.dataset not in inputs:
            continue  # Its contract does not read it any more.
        if read.day not in plain(read.dataset):
            return False
        landed = look.lake.registry.get(read.dataset).transform is None
        if not landed and look.history(read.dataset).newest_notes[read.day].generation != read.generation:
            return False
    return True
