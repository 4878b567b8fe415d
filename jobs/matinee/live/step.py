"""A step of a group of live tables: it puts what was landed since the last step into the tables.

Steps read the tables, and keep no state: a repeated step changes nothing, and after a kill the next step goes on from
what the tables say. Expired days stay as they are: only the daily path changes them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee import __version__, faults
from matinee.contracts.model import Contract, live_name
from matinee.engine.tables.spark_tables import append, update
from matinee.landing.landed_files import landed_after
from matinee.landing.model import Landing
from matinee.live.groups import Group, Sources
from matinee.live.news import View
from matinee.live.progress import Progress, next_stop, progress, watermark
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.swap import swapped

#: The number of rows that a step takes: a longer backlog takes several steps.
STEP_ROWS = 3_000_000
#: Whether the live table has other values for a row; null where it has no row of that key.
CHANGED = "is_changed"


class Step(ABC):
    """One step of a group, on snapshots that are pinned when it begins. A follower says what a step does."""

    def __init__(
        self,
        group: Group,
        lake: Lake,
        session: SparkSession,
        before: Mapping[str, Progress],
        read: Mapping[str, int],
        lease: Lease | None,
    ) -> None:
        self._lake, self._group, self._before, self._lease = lake, group, before, lease
        instants = [*(done.as_of for done in before.values()), watermark(lake, read)]
        self._as_of = max((instant for instant in instants if instant), default=None)
        self._view = View(
            lake,
            session,
            pins={name: refs.head(lake.table(name)) for name in (*group.sources, *group.tables)},
            since={name: min(done.read.get(name, 0) for done in before.values()) for name in group.sources},
            read=read,
            before=before.values(),
        )

    @classmethod
    @abstractmethod
    def sources(cls, contracts: Sequence[Contract]) -> Sources:
        """Return what the datasets of a group are made from."""

    @abstractmethod
    def run(self) -> None:
        """Put what is new into the tables."""

    def landings(self) -> Iterator[Landing]:
        """Yield what was landed since the live table that is farthest behind, up to where the step goes."""
        for dataset, until in self._view.read.items():
            landed = landed_after(self._lake, dataset, self._view.since[dataset])
            yield from (landing for landing in landed if landing.landing_seq <= until)

    def _marked(self, dataset: str, rows: DataFrame, live: DataFrame) -> DataFrame:
        """Return rows as they are to be, and for each row whether the live table has other values."""
        contract = self._lake.registry.get(dataset)
        same = [contract.day_column or "", *contract.key_columns]
        values = F.struct(*(name for name in contract.column_names if name not in same))
        before = live.select(*same, values.alias("before"))
        return rows.join(before, same, "left").select(
            *contract.column_names, (F.col("before") != values).alias(CHANGED)
        )

    def _put(self, dataset: str, new: DataFrame, changed: DataFrame) -> None:
        """Put rows into a live table: main moves once, to a commit that says what the table holds now.

        New rows are appended: the table is not searched for them.
        """
        contract, before = self._lake.registry.get(live_name(dataset)), self._before[dataset]
        settings, day = self._lake.settings, F.col(contract.day_column or "").alias("day")
        read = self._view.read
        since = {name: before.read.get(name, 0) for name in read}
        after = replace(before, read=read, since=since, as_of=self._as_of, made_by=made_by(contract)).to_summary()
        after |= self._lease.to_summary() if self._lease else {}
        days = [row["day"] for row in changed.select(day).distinct().collect()]
        columns = contract.column_names
        with swapped(self._lake, contract.dataset, self._view.pins[contract.dataset], self._lease) as branch:
            append(new.select(*columns), settings, contract.dataset, branch, after, spread=True)
            if days:
                update(changed.select(*columns), settings, contract, branch, days, after)
            faults.reach("stream.in_swap")


def next_step(lake: Lake, session: SparkSession, group: Group, lease: Lease | None = None) -> Step | None:
    """Return the next step of a group, under a lease; None where its tables hold all that is landed."""
    before = {dataset: progress(lake, dataset) for dataset in group.datasets}
    stops = [next_stop(lake, group.sources, done.read, STEP_ROWS) for done in before.values()]
    # After a kill between two tables, the table that is behind goes first, up to where the other table is.
    read = {name: min(stop[name] for stop in stops) for name in group.sources}
    read = {name: max(read[name], *(done.read.get(name, 0) for done in before.values())) for name in group.sources}
    if all(done.read.get(name, 0) == read[name] for done in before.values() for name in group.sources):
        return None
    step: type[Step] = group.entry.load()
    return step(group, lake, session, before, read, lease)


def made_by(contract: Contract) -> tuple[str, str]:
    """Return the versions of contract and code that derive a step's rows."""
    return contract.version, __version__
