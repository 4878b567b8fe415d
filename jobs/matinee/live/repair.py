"""Repair and expiry of live days: both under the stream's lease, each table in one commit.

A repair derives the day again by the transforms of the daily path, from all that the stream has read by now: rows of an
older batch are never copied. A day expires when its batch has been mature for as long as the contract says.
"""

from dataclasses import replace
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.model import live_name
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_tables import pinned, read, replace_days
from matinee.errors import UsageError
from matinee.live.catch_up import ensure_current
from matinee.live.groups import Group, groups, mature_through
from matinee.live.lease import streaming
from matinee.live.progress import KEEP, Progress, progress
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.swap import swapped
from matinee.transforms import TransformContext, transform_of
from matinee.validity.validity import Validity


def repair(settings: Settings, day: date) -> None:
    """Derive a day of the live tables again, from what they have read.

    Raises:
        LeaseHeldError: ticks left no time for it; try again.
        UsageError: the live tables do not have that day.
    """
    lake = Lake.open(settings)
    with streaming(lake) as lease:
        having = [group for group in groups(lake.registry) if _has(lake, group, day)]
        if not having:
            raise _missing(lake, day)
        with spark_session(settings) as session:
            for group in having:
                ensure_current(lake, group)
                for dataset in group.datasets:
                    _derive_again(lake, session, lease, dataset, day)


def _derive_again(lake: Lake, session: SparkSession, lease: Lease, dataset: str, day: date) -> None:
    done, contract = progress(lake, dataset), lake.registry.get(live_name(dataset))
    rows = _Derivation(lake, session, done).derive(dataset, day, day)
    with swapped(lake, contract.dataset, refs.head(lake.table(contract.dataset)), lease) as branch:
        # The other days keep the rows of the versions that derived them, so the recorded progress stays as it is.
        replace_days(rows, lake.settings, contract, branch, day, day, done.to_summary() | lease.to_summary())


def _has(lake: Lake, group: Group, day: date) -> bool:
    done = [progress(lake, dataset) for dataset in group.datasets]
    return all(any(table.read.values()) and day > (table.expired or date.min) for table in done)


def _missing(lake: Lake, day: date) -> UsageError:
    of_all = [progress(lake, dataset).expired for group in groups(lake.registry) for dataset in group.datasets]
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
    """Remove the live days whose batch has been mature for long enough; return the last expired day.

    Raises:
        LeaseHeldError: ticks left no time for it; try again.
    """
    lake = Lake.open(settings)
    made = [group for group in groups(lake.registry) if all(map(lake.exists, group.tables))]
    if not made:
        return None
    due = [(group, through) for group in made if (through := _expires_through(lake, group)) is not None]
    if due:
        with streaming(lake) as lease, spark_session(settings) as session:
            for group, through in due:
                _expire(lake, session, lease, group, through)
    last = [progress(lake, group.datasets[-1]).expired for group in made]
    return max((day for day in last if day), default=None)


def _expire(lake: Lake, session: SparkSession, lease: Lease, group: Group, through: date) -> None:
    for dataset in group.datasets:
        done = progress(lake, dataset)
        if done.expired is None or done.expired < through:
            contract = lake.registry.get(live_name(dataset))
            head = refs.head(lake.table(contract.dataset))
            nothing = pinned(session, lake.settings, contract.dataset, head).limit(0)
            after = replace(done, expired=through).to_summary() | lease.to_summary()
            with swapped(lake, contract.dataset, head, lease) as branch:
                replace_days(nothing, lake.settings, contract, branch, contract.earliest_event, through, after)
            faults.reach("parity.after_table")


def _expires_through(lake: Lake, group: Group) -> date | None:
    mature = mature_through(Validity(lake), group)
    if mature is None:
        return None
    return (mature - lake.registry.get(group.datasets[-1]).duration(KEEP) - timedelta(days=1)).date()
