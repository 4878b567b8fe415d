"""What differs from the last success: what the task ran in, and what the dataset's last publication was made of."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from matinee import __version__
from matinee.ledger.ledger import history
from matinee.ledger.model import Publication, State
from matinee.publication.terms import row_terms
from matinee.readout.environment import differing
from matinee.report import Report
from matinee.table.catalog import Lake


class Difference(NamedTuple):
    """A thing that differs: its name, and what it was at the last success and is now."""

    what: str
    before: str
    now: str


def of_environment(success: Report | None, now: Mapping[str, str]) -> list[Difference]:
    """Return what differs in packages and settings; nothing where no report of a success says what it ran in."""
    before = success.environment if success else {}
    return [Difference(*each) for each in differing(before, now)] if before else []


def since_publication(lake: Lake, dataset: str, failed: Report | None) -> list[Difference]:
    """Return what differs from the dataset's newest publication: code, contract, parameters, inputs and volume."""
    known = history(lake, dataset)
    notes = known.notes(State.PUBLISHED)
    if not notes:
        return []
    last = known.of(max(notes, key=lambda note: (note.recorded_us, note.publication_id, note.day)))
    return [Difference(*each) for each in _compared(lake, last, failed) if each[1] != each[2]]


def _compared(lake: Lake, last: Publication, failed: Report | None) -> Iterator[tuple[str, str, str]]:
    contract, run = lake.registry.get(last.run.dataset), last.run
    yield "code", run.code_version, __version__
    yield "contract", run.contract_version, contract.version
    now = row_terms(contract) if run.terms else {}
    for name in sorted(run.terms.keys() | now.keys()):
        yield f"term {name}", run.terms.get(name, "none"), now.get(name, "none")
    for name, value in run.parameters.items():
        yield f"parameter {name}", value, contract.parameters.get(name, "none")
    for name, snapshot in sorted(run.pinned.items()):
        head = lake.table(name).current_snapshot() if lake.exists(name) else None
        yield f"snapshot of {name}", str(snapshot), str(head.snapshot_id) if head else "none"
    if failed and failed.rows.read:
        yield "rows read", str(last.rows.read), str(failed.rows.read)
