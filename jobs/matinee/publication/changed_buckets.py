"""Changed buckets: a heal derives the cells that late rows change, and no other cells.

The changed buckets follow from the ledger and from two sets of pins: those of the published day, and those of the run
that heals it. For a landed input they are the buckets that change by the rows that landed between the two pins. For a
published input they are the buckets that the publications between the two pinned generations recorded as changed, and
the buckets whose stamps differ. No clock and no old snapshot is read, so a heal can be repeated, resumed, or done by
another process; rows that land during a heal are left to the next heal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import functions as F

from matinee import __version__
from matinee.contracts.model import Contract, InputSpec
from matinee.contracts.stamps import Stamps, changed
from matinee.days import day_range, instant_of
from matinee.engine.tables.protocol import open_tables
from matinee.ledger.ledger import History
from matinee.ledger.model import REACHED, Buckets, InputPin, Publication, Run, State
from matinee.publication.inputs import HISTORY, keeps_buckets, keeps_ids, reads_own_buckets
from matinee.publication.terms import buckets_of, other_terms, row_terms, terms_of
from matinee.table.catalog import Lake
from matinee.table.files import Slice, slice_files
from matinee.transforms import TransformContext
from matinee.transforms.deduplication import changed_by_late
from matinee.validity.outdated import differing_buckets
from matinee.validity.validity import Validity


def is_explained(lake: Lake, validity: Validity, contract: Contract, published: Publication) -> bool:
    """Whether the rows that landed and the publications since are all that can change a published day.

    They are not where the day was withdrawn, where its contract or code has changed, where something other than a
    publication or a landing changed rows, where the transform is not known to keep buckets apart, or where the days
    before it, with which audits compare it, are in another number of buckets.
    """
    made_by = (published.run.contract_version, published.run.code_version)
    by_bucket = keeps_buckets(lake.registry, contract) or keeps_ids(contract)
    same = published.state is State.PUBLISHED and made_by == (contract.version, __version__)
    same = same and not other_terms(terms_of(lake, published.run), row_terms(contract))
    if not (by_bucket and same) or validity.changed_outside(published) is not None:
        return False
    before = day_range(published.day - HISTORY, published.day)
    return buckets_of_days(validity, contract, before) == contract.cells.buckets


def buckets_of_days(validity: Validity, contract: Contract, days: Iterable[date]) -> int | None:
    """Return the number of buckets that days of a dataset are in; None where the days differ, or have no buckets.

    Days that were never published fit any number.
    """
    if not contract.bucketed:
        return None
    published = validity.history(contract.dataset)
    newest = (record for day in days if (record := published.newest(day)))
    numbers = {buckets_of(validity.lake, publication.run) for publication in newest} or {contract.cells.buckets}
    return numbers.pop() if len(numbers) == 1 else None


@dataclass(frozen=True)
class LateChange:
    """A bucket of a day in which late rows change rows, with the times of the first and the last changed event."""

    bucket: int
    first: datetime
    last: datetime


def changed_buckets(
    lake: Lake, validity: Validity, contract: Contract, published: Publication, pins: Iterable[InputPin]
) -> Buckets:
    """Return the buckets of a published day that change when it is derived from other pins; None: all of them.

    Args:
        lake: the lake.
        validity: a look at it that is not older than the pins.
        contract: of the dataset.
        published: the day's newest publication.
        pins: the inputs as the new run reads them.
    """
    if not is_explained(lake, validity, contract, published):
        return None
    now = {pin.dataset: pin for pin in pins}
    if not reads_own_buckets(lake.registry, contract, now.values()):
        return None
    buckets: set[int] = set()
    for spec in contract.inputs:
        before, after = published.run.pin(spec.dataset), now[spec.dataset]
        if lake.registry.get(spec.dataset).transform is None:
            late = late_changes(lake, contract, published, after)
            of_input: Buckets = None if late is None else tuple(change.bucket for change in late)
        else:
            of_input = _republished(validity.history(spec.dataset), contract, spec, published.day, before, after)
        if of_input is None:
            return None
        buckets |= set(of_input)
    return tuple(sorted(buckets))


def late_changes(lake: Lake, contract: Contract, published: Publication, after: InputPin) -> list[LateChange] | None:
    """Return by bucket what late rows of a published day change in the dataset that is made from landed rows.

    None where the rows that the publication read are not those that are there now: rows were removed, or came back
    with their old landing numbers.

    Args:
        lake: the lake.
        contract: of a dataset that is made from landed rows.
        published: the day's newest publication.
        after: the pin of the landed dataset as the new run reads it.
    """
    day, before = published.day, published.run.pin(after.dataset)
    wanted = Slice(after.dataset, after.snapshot_id, day, day)
    column = lake.registry.get(after.dataset).day_column or ""
    rows = sum(file.record_count for file in slice_files(lake.table(after.dataset), column, wanted))
    if before.landing_seq is None or before.days.get(day) == after.days.get(day):
        return [] if before.landing_seq is not None and rows == published.rows.read else None
    with open_tables(lake, [wanted]) as (_, tables):
        landed, context = tables.read(wanted), TransformContext(contract, day, day, engine=tables.engine)
        if landed.where(F.col("landing_seq") <= before.landing_seq).count() != published.rows.read:
            return None
        changes = changed_by_late(landed, before.landing_seq, context).collect()
    of = contract.cells.column
    return [LateChange(row[of], instant_of(row["first_us"]), instant_of(row["last_us"])) for row in changes]


def _republished(
    published: History, contract: Contract, spec: InputSpec, day: date, before: InputPin, after: InputPin
) -> Buckets:
    first, last = contract.input_days(spec, day, day)
    rewritten: set[int] = set()
    for read in (input_day for input_day in before.days.keys() | after.days.keys() if first <= input_day <= last):
        buckets = differing_buckets(published, read, before, after)
        if buckets is None:
            return None
        rewritten |= set(buckets)
        newer = list(_between(published, read, before.days.get(read), after.days.get(read)))
        if any(publication is None or publication.changed is None for publication in newer):
            return None
        rewritten |= {bucket for publication in newer if publication for bucket in publication.changed or ()}
    return tuple(rewritten)


def _between(published: History, day: date, before: int | None, after: int | None) -> Iterator[Publication | None]:
    """Yield the publications between two generations of a day; None for a change that no publication explains."""
    if before == after:
        return
    if before is None or after is None or after < before:
        yield None
        return
    known = (publication for publication in published.by_day.get(day, ()) if publication.state in REACHED)
    for publication in known:
        if before < publication.generation <= after:
            yield None if publication.state is State.WITHDRAWN else publication


def really_changed(run: Run, before: Mapping[date, Stamps], after: Mapping[date, Stamps]) -> Buckets:
    """Return the buckets of a heal whose rows changed; None for a run of whole days."""
    if not run.buckets:
        return run.buckets
    return changed(before.get(run.first_day, {}), after[run.first_day], run.buckets)
