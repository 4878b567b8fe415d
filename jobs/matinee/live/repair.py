"""Repair and expiry of live days: both under the stream's lease, each table in one commit.

A repair derives the day again by the transforms of the daily path, from all that the stream has read by now: rows of an
older batch are never copied. A day expires when its batch has been mature for as long as the contract says; a day that
its batch cannot judge yet stays with the days that its rows are made from, and keeps no other day from expiring.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.ddl import BUCKETS, IN_PART
from matinee.contracts.model import Contract, live_name
from matinee.days import day_range, start_of
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_tables import pinned, read, replace_days
from matinee.errors import UsageError
from matinee.live.catch_up import ensure_current
from matinee.live.groups import Group, groups, is_mature
from matinee.live.lease import streaming
from matinee.live.progress import KEEP, Progress, progress
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import gone
from matinee.table.files import day_sizes
from matinee.table.leases.lease import Lease
from matinee.table.swap import swapped
from matinee.transforms import TransformContext, transform_of
from matinee.validity.validity import Validity

log = logging.getLogger(__name__)


def repair(settings: Settings, day: date) -> None:
    """Derive a day of the live tables again, from what they have read.

    Raises:
        LeaseHeldError: ticks left no time for it; try again.
        UsageError: the live tables do not have that day.
    """
    lake = Lake.open(settings)
    with streaming(lake) as lease:
        having = [group for group in groups(lake) if _has(lake, group, day)]
        if not having:
            raise _missing(lake, day)
        with spark_session(settings) as session:
            rebucket(lake, session, lease)
            for group in having:
                ensure_current(lake, group)
                for dataset in group.datasets:
                    _derive_again(lake, session, lease, dataset, day)


def rebucket(lake: Lake, session: SparkSession, lease: Lease) -> None:
    """Derive every live day again where a contract has another number of buckets than the live rows.

    The table tells that its rows are of several numbers until all days are derived, so a call that was cut off is
    repeated whole, also if the contract has its former number again.
    """
    retired = gone(lake)
    for group in (each for each in groups(lake) if retired.isdisjoint(each.tables)):
        tables = [lake.registry.get(name) for name in filter(lake.exists, group.tables)]
        if all(lake.table(table.dataset).properties.get(BUCKETS) in (None, _buckets(table)) for table in tables):
            continue
        ensure_current(lake, group)
        _note_buckets(lake, {table.dataset: IN_PART for table in tables})
        days = {day for dataset in group.datasets for day in _live_days(lake, dataset)}
        for day in sorted(day for day in days if _has(lake, group, day)):
            lease.renew()
            for dataset in group.datasets:
                _derive_again(lake, session, lease, dataset, day)
        _note_buckets(lake, {table.dataset: _buckets(table) for table in tables})


def _note_buckets(lake: Lake, numbers: Mapping[str, str]) -> None:
    for name, number in numbers.items():
        with lake.table(name).transaction() as change:
            change.set_properties({BUCKETS: number})


def _buckets(contract: Contract) -> str:
    return str(contract.cells.buckets)


def _derive_again(lake: Lake, session: SparkSession, lease: Lease, dataset: str, day: date) -> None:
    done, contract = progress(lake, dataset), lake.registry.get(live_name(dataset))
    rows = _Derivation(lake, session, done).derive(dataset, day, day)
    with swapped(lake, contract.dataset, refs.head(lake.table(contract.dataset)), lease) as branch:
        # The other days keep the rows of the versions that derived them, so the recorded progress stays as it is.
        replace_days(rows, lake.settings, contract, branch, day, day, done.to_summary() | lease.to_summary())


def _has(lake: Lake, group: Group, day: date) -> bool:
    done = [progress(lake, dataset) for dataset in group.datasets]
    return all(any(table.read.values()) and table.has(day) for table in done)


def _missing(lake: Lake, day: date) -> UsageError:
    of_all = [progress(lake, dataset).expired for group in groups(lake) for dataset in group.datasets]
    expired = max((last for last in of_all if last), default=None)
    return UsageError(
        f"The live tables do not have {day}.",
        next_step="Name a day that the live tables have and that has not expired; see `matinee stream status`.",
        facts={"day": day, "expired": expired},
    )


class _Derivation:
    """The daily path's transforms on what a live table has read."""

    def __init__(self, lake: Lake, session: SparkSession, done: Progress) -> None:
        self._lake, self._session, self._done = lake, session, done

    def derive(self, dataset: str, first: date, last: date) -> DataFrame:
        """Return the rows of the days: the landed rows of a raw dataset, the derived rows of any other."""
        contract = self._lake.registry.get(dataset)
        if contract.transform is None:
            head, column = refs.head(self._lake.table(dataset)), contract.day_column or ""
            landed = read(self._session, self._lake.settings, dataset, head, column, first, last)
            return landed.where(F.col("landing_seq") <= self._done.read.get(dataset, 0))
        inputs = {
            spec.alias: self.derive(spec.dataset, *contract.input_days(spec, first, last)) for spec in contract.inputs
        }
        return transform_of(contract)(inputs, TransformContext(contract, first, last, self._done.as_of))


def expire(settings: Settings) -> date | None:
    """Remove the live days whose batch has been mature for long enough; return up to which day.

    Earlier days that stay, for their batch is not mature or days that stay are made from them, are logged.

    Raises:
        LeaseHeldError: ticks left no time for it; try again.
    """
    lake = Lake.open(settings)
    made = [group for group in groups(lake) if all(map(lake.exists, group.tables))]
    if not made:
        return None
    ends = {group: end_of_live(lake, Validity(lake), group) for group in made}
    if any(_is_due(lake, dataset, *end) for group, end in ends.items() for dataset in group.datasets):
        with streaming(lake) as lease, spark_session(settings) as session:
            # A tick may have moved live days until the lease was taken.
            ends = {group: end_of_live(lake, Validity(lake), group) for group in made}
            for group, (through, kept) in ends.items():
                for dataset in group.datasets:
                    _expire(lake, session, lease, dataset, through, kept)
    for group, (_, kept) in ends.items():
        if kept:
            stay = ", ".join(map(str, kept))
            log.warning("These days of %s stay live, as a batch is not mature: %s.", group.datasets[-1], stay)
    return max((through for through, _ in ends.values() if through), default=None)


def end_of_live(lake: Lake, validity: Validity, group: Group) -> tuple[date | None, tuple[date, ...]]:
    """Return up to which day the live days of a group expire, and which days among them stay.

    The newest mature day is the clock. A day that the batch does not owe expires as others do. A day that the batch
    cannot judge yet stays even without rows, as its rows may come late; so do the days that its rows are made from.
    """
    before = [progress(lake, dataset) for dataset in group.datasets]
    through = max((done.expired for done in before if done.expired), default=None)
    noted = sorted(validity.history(group.datasets[-1]).newest_notes, reverse=True)
    newest = next((day for day in noted if _is_judged(validity, group, day)), None)
    if newest is not None:
        keep = lake.registry.get(group.datasets[-1]).duration(KEEP)
        through = max((start_of(newest) - keep).date(), through or date.min)
    if through is None:
        return None, ()
    live = {day for dataset in group.datasets for day in _live_days(lake, dataset) if day <= through}
    owed = filter(None, map(validity.owed_from, group.datasets))
    since = max((done.expired for done in before if done.expired), default=min(owed, default=through))
    known = {*live, *day_range(since, through), *(day for done in before for day in done.kept)}
    # After a kill between two tables, a table may have a day that has expired.
    left = [day for day in sorted(known) if day <= through and all(done.has(day) for done in before)]
    unjudged = {day for day in left if not _is_judged(validity, group, day)}
    read_days = _read_days(lake, group, unjudged)
    return through, tuple(day for day in left if day in unjudged | read_days)


def _read_days(lake: Lake, group: Group, days: Collection[date]) -> set[date]:
    """Return the days of the group's own tables that the rows of some days are made from."""
    contracts = [lake.registry.get(name) for name in group.datasets]
    own = [(each, spec) for each in contracts for spec in each.inputs if spec.dataset in group.datasets]
    return {at for each, spec in own for day in days for at in day_range(*each.input_days(spec, day, day))}


def _live_days(lake: Lake, dataset: str) -> Collection[date]:
    table = live_name(dataset)
    return day_sizes(lake.table(table), lake.registry.get(table).day_column or "")


def _is_judged(validity: Validity, group: Group, day: date) -> bool:
    """Whether the batch of a day is mature in each dataset, or will never come, as the dataset does not owe the day."""
    owed = ((name, validity.owed_from(name)) for name in group.datasets)
    return all((first and day < first) or is_mature(validity, group, name, day) for name, first in owed)


def _is_due(lake: Lake, dataset: str, through: date | None, kept: tuple[date, ...]) -> bool:
    done = progress(lake, dataset)
    return through is not None and (done.expired, done.kept) != (through, kept)


def _expire(
    lake: Lake, session: SparkSession, lease: Lease, dataset: str, through: date | None, kept: tuple[date, ...]
) -> None:
    if through is None or not _is_due(lake, dataset, through, kept):
        return
    done, contract = progress(lake, dataset), lake.registry.get(live_name(dataset))
    head = refs.head(lake.table(contract.dataset))
    nothing = pinned(session, lake.settings, contract.dataset, head).limit(0)
    after = replace(done, expired=through, kept=kept).to_summary() | lease.to_summary()
    with swapped(lake, contract.dataset, head, lease) as branch:
        replace_days(nothing, lake.settings, contract, branch, contract.earliest_event, through, after, but=kept)
    faults.reach("parity.after_table")
