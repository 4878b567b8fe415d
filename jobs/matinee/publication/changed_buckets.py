"""Changed buckets: rows that landed late repair the cells that they change, and nothing else.

What changed follows from two sets of pins and the ledger: those that a published day was derived from, and those of the
run that heals it. Of landed rows, the buckets that rows landed between the pins change. Of published days, the buckets
that the publications between the pinned generations rewrote, as they recorded them, and those whose stamps differ. No
clock and no old snapshot is asked, so a heal can be repeated, resumed, or done by another process, and what lands while
it runs is left to the next.
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
from matinee.validity.validity import Validity


def is_explained(lake: Lake, validity: Validity, contract: Contract, published: Publication) -> bool:
    """Whether a published day differs from what it would be now by what landed and was published since, and no more.

    It does not where it was withdrawn, where contract or code are others than it was made by, where something was
    changed by no publication and no landing, or where the transform is not known to stay within buckets. Nor while the
    days before it, which audits compare it with, are in another number of buckets.
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
    """Return the number of buckets that days of a dataset are in; None where not all are in the same, or in none.

    Days that were never published are in any number.
    """
    if not contract.bucketed:
        return None
    published = validity.history(contract.dataset)
    newest = (found for day in days if (found := published.newest(day)))
    numbers = {buckets_of(validity.lake, one.run) for one in newest} or {contract.cells.buckets}
    return numbers.pop() if len(numbers) == 1 else None


@dataclass(frozen=True)
class LateChange:
    """A bucket of a day in which landed rows change rows, from the first such event to the last."""

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
            found: Buckets = None if late is None else tuple(one.bucket for one in late)
        else:
            found = _republished(validity.history(spec.dataset), contract, spec, published.day, before, after)
        if found is None:
            return None
        buckets |= set(found)
    return tuple(sorted(buckets))


def late_changes(lake: Lake, contract: Contract, published: Publication, after: InputPin) -> list[LateChange] | None:
    """Return what landed rows of a published day change in the dataset that is made from them, by bucket.

    None where the rows that the publication had read are not those that stand there now: some went, or came back with
    the landing numbers that they had before.

    Args:
        lake: the lake.
        contract: of a dataset that is made from landed rows.
        published: the day's newest publication.
        after: the landed dataset as it is to be read.
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
        found = changed_by_late(landed, before.landing_seq, context).collect()
    of = contract.cells.column
    return [LateChange(row[of], instant_of(row["first_us"]), instant_of(row["last_us"])) for row in found]


def _republished(
    published: History, contract: Contract, spec: InputSpec, day: date, before: InputPin, after: InputPin
) -> Buckets:
    first, last = contract.input_days(spec, day, day)
    found: set[int] = set()
    for read in (one for one in before.days.keys() | after.days.keys() if first <= one <= last):
        buckets = _other_rows(published, read, before, after)
        if buckets is None:
            return None
        found |= set(buckets)
        newer = list(_between(published, read, before.days.get(read), after.days.get(read)))
        if any(one is None or one.changed is None for one in newer):
            return None
        found |= {bucket for one in newer if one for bucket in one.changed or ()}
    return tuple(found)


def _other_rows(published: History, day: date, before: InputPin, after: InputPin) -> Buckets:
    """Return the buckets of an input day that hold other rows by now.

    Some may have changed under the generation that was read, and others with the next one: so it is asked of both.
    """
    old, new = before.stamps.get(day), after.stamps.get(day)
    if old is None or new is None or old == new:
        return ()
    stamps = {one.stamp: one.stamps for one in published.by_day.get(day, ()) if one.state in REACHED}
    if old not in stamps or new not in stamps:
        return None
    both = stamps[old].keys() | stamps[new].keys()
    differing = [bucket for bucket in both if stamps[old].get(bucket) != stamps[new].get(bucket)]
    return None if None in differing else tuple(bucket for bucket in differing if bucket is not None)


def _between(published: History, day: date, before: int | None, after: int | None) -> Iterator[Publication | None]:
    """Yield what changed a day from one generation to another; None for what no publication explains."""
    if before == after:
        return
    if before is None or after is None or after < before:
        yield None
        return
    known = (one for one in published.by_day.get(day, ()) if one.state in REACHED)
    for one in known:
        if before < one.generation <= after:
            yield None if one.state is State.WITHDRAWN else one


def really_changed(run: Run, before: Mapping[date, Stamps], after: Mapping[date, Stamps]) -> Buckets:
    """Return those of the buckets of a heal whose rows it changed: the others came out as they were."""
    if not run.buckets:
        return run.buckets
    return changed(before.get(run.first_day, {}), after[run.first_day], run.buckets)
