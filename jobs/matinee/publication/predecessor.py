"""The predecessor of a run: the newest valid key before its own, and whether the run starts from its rows.

A contract with `previous: self` names it. It is no input: a run pins it as provenance, and its withdrawal makes no
other key invalid. A transform that registers a `Choice` may start from its rows and read only where the inputs of the
two keys differ; the choice compares rows by metadata alone.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from matinee.contracts.model import Contract, InputSpec
from matinee.hooks import registered
from matinee.ledger.ledger import History
from matinee.ledger.model import Buckets, InputPin, Predecessor, Publication, Run
from matinee.publication.terms import other_terms
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Slice, data_files, files_of
from matinee.validity.outdated import differing_buckets
from matinee.validity.validity import Validity

#: A package registers a `Choice` under this, by the name of its transform.
HOOK = "matinee.predecessors"
#: What transforms call the rows of a predecessor.
PREVIOUS = "previous"


@dataclass(frozen=True)
class Work:
    """How many rows a run reads: of `inputs` in all, of its predecessor, and where the inputs of the two differ.

    `gone` are rows that the predecessor has read and the run does not read, `came` are rows that it has not read.
    """

    inputs: int
    previous: int
    gone: int
    came: int


#: Why a run derives all rows from its inputs; empty where it starts from its predecessor.
Choice = Callable[[Work], str]


@dataclass(frozen=True)
class Difference:
    """Where an input differs from what the predecessor has read: slices that it had, and slices that it had not."""

    gone: tuple[Slice, ...]
    came: tuple[Slice, ...]


@dataclass(frozen=True)
class Start:
    """What a run starts from: the predecessor's rows, and by alias how each input differs."""

    previous: Slice
    differences: Mapping[str, Difference]

    @property
    def slices(self) -> tuple[Slice, ...]:
        """All that is read of it, but for what the run's inputs hold."""
        return self.previous, *(each for difference in self.differences.values() for each in difference.gone)


def with_predecessor(validity: Validity, contract: Contract, run: Run, *, starts: bool) -> tuple[Run, Start | None]:
    """Return a run with its predecessor and its way, and what it starts from; None where it derives all rows.

    Args:
        validity: a look at the lake that is not older than the run's pins.
        contract: of the dataset.
        run: the run, its inputs pinned.
        starts: whether the run may start from other rows at all.
    """
    if not contract.has_previous:
        return run, None
    before = _newest_before(validity, run)
    if before is None:
        return replace(run, way="in full", why="no key before it is valid"), None
    head = refs.head(validity.lake.table(contract.dataset))
    predecessor = Predecessor(before.publication_id, before.day, before.generation, head)
    named = replace(run, previous=predecessor)
    why = _why_not(validity, contract, run, before) if starts else "its rows are those of an experiment"
    if why:
        return replace(named, way="in full", why=why), None
    start = Start(
        Slice(run.dataset, head, before.day, before.day, run.buckets), _differences(validity, contract, run, before)
    )
    work = _work(validity.lake, contract, run, start)
    choice: Choice = registered(HOOK)[contract.transform or ""].load()
    if why := choice(work):
        return replace(named, way="in full", why=why), None
    why = f"from {before.day}: {work.gone} input rows went and {work.came} came, of {work.inputs}"
    return replace(named, way="incremental", why=why), start


def _newest_before(validity: Validity, run: Run) -> Publication | None:
    published = validity.history(run.dataset)
    days = (day for day in sorted(published.newest_notes, reverse=True) if day < run.first_day)
    newest = next((day for day in days if validity.status(run.dataset, day).valid), None)
    return published.newest(newest) if newest else None


def _why_not(validity: Validity, contract: Contract, run: Run, before: Publication) -> str:
    """Return why no run can start from a predecessor, whatever it would cost; empty where a run can."""
    if contract.transform not in registered(HOOK):
        return f"{contract.transform} always derives all rows"
    made_by, now = before.run, (run.contract_version, run.code_version)
    if (made_by.contract_version, made_by.code_version) != now or other_terms(made_by.terms, run.terms):
        return f"{before.day} was made by another contract or another version of Matinee"
    for spec in contract.inputs:
        read, reads = made_by.pin(spec.dataset), run.pin(spec.dataset)
        if validity.lake.table(spec.dataset).metadata.snapshot_by_id(read.snapshot_id) is None:
            return f"what {before.day} has read, snapshot {read.snapshot_id} of {spec.dataset}, has expired"
        if read.buckets != reads.buckets:
            return f"{spec.dataset} was in another number of buckets when {before.day} was made"
    return ""


def _differences(validity: Validity, contract: Contract, run: Run, before: Publication) -> dict[str, Difference]:
    return {
        spec.alias: _difference(validity.history(spec.dataset), contract, spec, run, before) for spec in contract.inputs
    }


def _difference(published: History, contract: Contract, spec: InputSpec, run: Run, before: Publication) -> Difference:
    read, reads = before.run.pin(spec.dataset), run.pin(spec.dataset)
    old_first, old_last = contract.input_days(spec, before.day, before.day)
    first, last = contract.input_days(spec, run.first_day, run.last_day)
    day = timedelta(days=1)
    old, new = (Slice(spec.dataset, pin.snapshot_id, first, first, run.buckets) for pin in (read, reads))
    gone = [replace(old, first=old_first, last=min(old_last, first - day))]
    came = [replace(new, first=max(first, old_last + day), last=last)]
    for shared in sorted(other for other in read.days.keys() | reads.days.keys() if first <= other <= old_last):
        restated = _restated(published, shared, read, reads)
        if restated is not None and run.buckets is not None:
            restated = tuple(bucket for bucket in restated if bucket in run.buckets)
        if restated == ():
            continue
        buckets = run.buckets if restated is None else restated
        gone.append(replace(old, first=shared, last=shared, buckets=buckets))
        came.append(replace(new, first=shared, last=shared, buckets=buckets))
    return Difference(tuple(gone), tuple(came))


def _restated(published: History, day: date, read: InputPin, reads: InputPin) -> Buckets:
    """Return the buckets of an input day that hold other rows than the predecessor has read; None: perhaps all."""
    if read.stamps.get(day) is None or reads.stamps.get(day) is None:
        return () if read.days.get(day) == reads.days.get(day) else None
    return differing_buckets(published, day, read, reads)


def _work(lake: Lake, contract: Contract, run: Run, start: Start) -> Work:
    window = (
        Slice(spec.dataset, run.pin(spec.dataset).snapshot_id, *contract.input_days(spec, run.first_day, run.last_day))
        for spec in contract.inputs
    )
    differences = start.differences.values()
    return Work(
        inputs=_rows(lake, [replace(read, buckets=run.buckets) for read in window]),
        previous=_rows(lake, [start.previous]),
        gone=_rows(lake, [each for difference in differences for each in difference.gone]),
        came=_rows(lake, [each for difference in differences for each in difference.came]),
    )


def _rows(lake: Lake, slices: Collection[Slice]) -> int:
    """Return how many rows slices hold; the files of a snapshot are listed once."""
    rows = 0
    for dataset, snapshot_id in sorted({(each.dataset, each.snapshot_id) for each in slices}):
        same = [each for each in slices if (each.dataset, each.snapshot_id) == (dataset, snapshot_id)]
        table, column = lake.table(dataset), lake.registry.get(dataset).day_column or ""
        days = {"first": min(each.first for each in same), "last": max(each.last for each in same)}
        files = list(data_files(table, column, snapshot_id=snapshot_id, **days))
        rows += sum(file.record_count for each in same for file in files_of(table, column, files, each))
    return rows
