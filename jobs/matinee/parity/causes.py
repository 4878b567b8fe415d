"""Why a live row differs from the batch: the cause follows from the landed events that belong together with it.

| cause | evidence of the events that belong together |
|---|---|
| replayed | the live table has a key twice |
| dropped | an event that the live table has read is not in it |
| arrived_after_batch | a row was landed after the batch had read its day |
| duplicate_id | an event was sent again with other values |
| tie | two events of which the last one wins happened at the same instant |
| clock_skew | an event happened after it was received |
| version | none of these, and the live rows were made by another version of contract or code |
| unknown | none of these |

The first cause that applies is named. Only events in reach of the day are examined.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import RECEIVED, Contract, live_name
from matinee.days import day_range
from matinee.engine.tables.spark_tables import days_between, pinned
from matinee.live.groups import Events, Sources
from matinee.live.progress import Progress, is_progress
from matinee.parity.register import ARRIVED_AFTER
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

CAUSES = ("replayed", "dropped", ARRIVED_AFTER, "duplicate_id", "tie", "clock_skew")


@dataclass(frozen=True)
class Read:
    """The landing number up to which the batch had read each event day of each raw dataset for a publication."""

    by_day: Mapping[str, Mapping[date, int]]

    @classmethod
    def of(cls, validity: Validity, sources: Sources, first: date, last: date) -> "Read":
        """Return up to which landing numbers the publications of some days had read, by the pins of core datasets."""
        numbers: dict[str, dict[date, int]] = {}
        for events in sources.events:
            made = {day: validity.history(events.core).newest(day) for day in day_range(first, last)}
            # Of a day that was not published the batch has read nothing.
            numbers[events.landed] = {
                day: (newest.run.pin(events.landed).landing_seq or 0) if newest else 0 for day, newest in made.items()
            }
        return cls(numbers)

    def highest(self) -> dict[str, int]:
        """Return the highest landing number of each landed dataset."""
        return {dataset: max(numbers.values(), default=0) for dataset, numbers in self.by_day.items()}

    def is_later(self, dataset: str, day_column: str) -> Column:
        """Return the predicate that a row was landed after its day had been read; false for rows of other days."""
        days = self.by_day[dataset].items()
        cases = ((F.col(day_column) == F.lit(day)) & (F.col("landing_seq") > number) for day, number in days)
        return reduce(Column.__or__, cases, F.lit(False))


class Evidence:
    """The landed events that belong together with rows that differ."""

    def __init__(
        self,
        lake: Lake,
        session: SparkSession,
        live: Progress,
        read: Read,
        sources: Sources,
        days: tuple[date, date],
        pins: Mapping[str, int],
    ) -> None:
        self._lake, self._session, self._live, self._read, self._pins = lake, session, live, read, pins
        self._events, self._together, self._days = sources.events, [*sources.together], days

    def caused(self, differing: DataFrame, contract: Contract, batch_made_by: tuple[str, str]) -> DataFrame:
        """Return the differing rows with `cause`; they have the columns by which events belong together."""
        together = self._together
        those = F.broadcast(differing.select(*together).distinct().localCheckpoint())
        ranked = [self._replayed(contract, those)]
        for events in self._events:
            evidence = {
                ARRIVED_AFTER: self._late(events, those),
                "dropped": self._dropped(events, those),
                "duplicate_id": self._sent_again(events, those),
                "clock_skew": self._skewed(events, those),
            }
            ranked += [self._ranked(name, rows) for name, rows in evidence.items()]
            if events.is_ranked:
                ranked.append(self._tied(events, those))
        first = reduce(DataFrame.unionByName, ranked).groupBy(*together).agg(F.min("rank").alias("rank"))
        other = "unknown" if self._made_by(contract) == {batch_made_by} else "version"
        # Not by element_at: Spark 4.1 takes the last element where the outer join left the number null.
        named = reduce(lambda case, name: case.when(F.col("rank") == CAUSES.index(name), name), CAUSES, F)
        return differing.join(first, together, "left").withColumn("cause", named.otherwise(other))

    def _ranked(self, cause: str, rows: DataFrame) -> DataFrame:
        return rows.select(*self._together, F.lit(CAUSES.index(cause)).alias("rank"))

    def _made_by(self, contract: Contract) -> set[tuple[str, ...]]:
        """Return the versions of contract and code that made the live table, as far as its snapshots tell."""
        summaries = (summary for _, summary in refs.summaries(self._lake.table(live_name(contract.dataset))))
        return {Progress.from_summary(summary).made_by for summary in summaries if is_progress(summary)}

    def _day(self, dataset: str) -> str:
        return self._lake.registry.get(dataset).day_column or ""

    def _identity(self, events: Events) -> list[str]:
        return [self._day(events.core), *self._lake.registry.get(events.core).key_columns]

    def _table(self, dataset: str) -> DataFrame:
        """Return the days in reach of a table."""
        snapshot_id = self._pins.get(dataset) or refs.head(self._lake.table(dataset))
        rows = pinned(self._session, self._lake.settings, dataset, snapshot_id)
        return rows.where(days_between(self._day(dataset), *self._days))

    def _landed(self, events: Events) -> DataFrame:
        """Return what the live tables have read of the days in reach."""
        read = self._live.read.get(events.landed, 0)
        return self._table(events.landed).where(F.col("landing_seq") <= read)

    def _versions(self, events: Events, those: DataFrame) -> DataFrame:
        """Return all rows of the ids that have a row among those: a repeat of an id may belong to other events."""
        same, landed = self._identity(events), self._landed(events)
        ids = landed.join(those, self._together, "left_semi").select(*same).distinct()
        return landed.join(ids, same, "left_semi")

    def _late(self, events: Events, those: DataFrame) -> DataFrame:
        versions, same = self._versions(events, those), self._identity(events)
        is_later = self._read.is_later(events.landed, self._day(events.landed))
        return versions.join(versions.where(is_later).select(*same).distinct(), same, "left_semi")

    def _replayed(self, contract: Contract, those: DataFrame) -> DataFrame:
        live = self._table(live_name(contract.dataset)).join(those, self._together, "left_semi")
        key = dict.fromkeys([contract.day_column or "", *contract.key_columns, *self._together])
        return self._ranked("replayed", live.groupBy(*key).count().where("count > 1"))

    def _dropped(self, events: Events, those: DataFrame) -> DataFrame:
        same, read = self._identity(events), self._landed(events)
        read = read.where(F.col(same[0]).isin(*filter(self._live.has, day_range(*self._days))))
        live = self._table(live_name(events.holder))
        live = live.select(F.col(self._day(events.holder)).alias(same[0]), *same[1:])
        return read.join(those, self._together, "left_semi").join(live, same, "left_anti")

    def _sent_again(self, events: Events, those: DataFrame) -> DataFrame:
        sent, same = self._versions(events, those), self._identity(events)
        # Compared, not hashed: a hash takes a null list for an empty one, and passes over nulls within columns.
        values = F.struct(*(name for name in sent.columns if name not in {"landing_seq", "file", RECEIVED}))
        sent = sent.withColumn("values", values)
        again = sent.groupBy(*same).agg(F.count_distinct("values").alias("kinds")).where("kinds > 1")
        return sent.join(again, same, "left_semi")

    def _skewed(self, events: Events, those: DataFrame) -> DataFrame:
        happened = self._lake.registry.get(events.landed).event_time
        return self._landed(events).join(those, self._together, "left_semi").where(F.col(happened) > F.col(RECEIVED))

    def _tied(self, events: Events, those: DataFrame) -> DataFrame:
        _, *key = self._identity(events)
        happened = self._lake.registry.get(events.landed).event_time
        landed = self._landed(events).join(those, self._together, "left_semi")
        ids = landed.groupBy(*self._together, happened).agg(F.count_distinct(*key).alias("ids"))
        return self._ranked("tie", ids.where("ids > 1"))
