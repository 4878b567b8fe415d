"""Why a live row is not what the batch has: told from what is landed of the row's profile and title.

| cause | evidence of the profile and title |
|---|---|
| replayed | the live table has a key twice |
| dropped | an event that the live table has read is not in it |
| arrived_after_batch | a row was landed after the batch had read its day |
| duplicate_id | an event was sent again with other values |
| tie | two impressions happened at the same instant |
| clock_skew | an event happened after it was received |
| version | none of these, and the live rows were made by another version of contract or code |
| unknown | none of these |

The first that applies is named. Of the events in reach of the day only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import RECEIVED, Contract, live_name
from matinee.days import day_range, reach_ahead, reach_back
from matinee.domain.pair import PAIR
from matinee.engine.tables.spark_tables import days_between, full_name
from matinee.ledger.model import Publication
from matinee.live.impressions import ATTRIBUTIONS, CORE, HOLDS, RAW
from matinee.live.progress import Progress, is_progress
from matinee.parity.register import ARRIVED_AFTER
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

CAUSES = ("replayed", "dropped", ARRIVED_AFTER, "duplicate_id", "tie", "clock_skew")


@dataclass(frozen=True)
class Read:
    """Up to which landing number the batch had read each event day of each raw dataset when a day was published."""

    by_day: Mapping[str, Mapping[date, int]]

    @classmethod
    def of(cls, validity: Validity, published: Publication) -> "Read":
        """Return what a publication was made from: the pins of the datasets in between."""
        contract = validity.lake.registry.get(ATTRIBUTIONS)
        window = contract.duration("attribution.window")
        found: dict[str, dict[date, int]] = {}
        for kind, dataset in CORE.items():
            days = day_range(reach_back(published.day, window), reach_ahead(published.day, window))
            made = {day: validity.history(dataset).newest(day) for day in days}
            # Of a day that was not published the batch has read nothing.
            found[kind] = {day: (one.run.pin(RAW[kind]).landing_seq or 0) if one else 0 for day, one in made.items()}
        return cls(found)

    def highest(self) -> dict[str, int]:
        """Return the highest landing number of each raw dataset."""
        return {RAW[kind]: max(numbers.values(), default=0) for kind, numbers in self.by_day.items()}

    def is_later(self, kind: str) -> Column:
        """Return the predicate that a raw row was landed after its day had been read; of other days none is."""
        days = self.by_day[kind].items()
        cases = ((F.col("event_day") == F.lit(day)) & (F.col("landing_seq") > number) for day, number in days)
        return reduce(Column.__or__, cases, F.lit(False))


class Evidence:
    """What is landed of the profiles and titles whose rows differ."""

    def __init__(
        self, lake: Lake, session: SparkSession, live: Progress, read: Read, day: date, pins: Mapping[str, int]
    ) -> None:
        self._lake, self._session, self._live, self._read, self._pins = lake, session, live, read, pins
        window = lake.registry.get(ATTRIBUTIONS).duration("attribution.window")
        self._days = reach_back(day, window), reach_ahead(day, window)

    def caused(self, differing: DataFrame, contract: Contract, batch_made_by: tuple[str, str]) -> DataFrame:
        """Return the differing rows with `cause`; they have profile_id and title_id."""
        pairs = F.broadcast(differing.select(*PAIR).distinct().localCheckpoint())
        found = [self._replayed(contract, pairs)]
        for kind in RAW:
            evidence = {
                ARRIVED_AFTER: self._late(kind, pairs),
                "dropped": self._dropped(kind, pairs),
                "duplicate_id": self._sent_again(kind, pairs),
                "clock_skew": self._skewed(kind, pairs),
            }
            found += [rows.select(*PAIR, F.lit(CAUSES.index(name)).alias("rank")) for name, rows in evidence.items()]
        found.append(self._tied(pairs))
        first = reduce(DataFrame.unionByName, found).groupBy(*PAIR).agg(F.min("rank").alias("rank"))
        other = "unknown" if self._made_by(contract) == {batch_made_by} else "version"
        # Not by element_at: Spark 4.1 takes the last element where the outer join left the number null.
        named = reduce(lambda case, name: case.when(F.col("rank") == CAUSES.index(name), name), CAUSES, F)
        return differing.join(first, PAIR, "left").withColumn("cause", named.otherwise(other))

    def _made_by(self, contract: Contract) -> set[tuple[str, ...]]:
        """Return the versions of contract and code that made the live table, as far as its snapshots tell."""
        summaries = (summary for _, summary in refs.summaries(self._lake.table(live_name(contract.dataset))))
        return {Progress.from_summary(one).made_by for one in summaries if is_progress(one)}

    def _table(self, dataset: str, day_column: str) -> DataFrame:
        snapshot_id = self._pins.get(dataset) or refs.head(self._lake.table(dataset))
        pinned = self._session.read.option("versionAsOf", str(snapshot_id))
        return pinned.table(full_name(self._lake.settings, dataset)).where(days_between(day_column, *self._days))

    def _landed(self, kind: str) -> DataFrame:
        """Return what the live tables have read of the days in reach."""
        read = self._live.read.get(RAW[kind], 0)
        return self._table(RAW[kind], "event_day").where(F.col("landing_seq") <= read)

    def _versions(self, kind: str, pairs: DataFrame) -> DataFrame:
        """Return all rows of the ids of which a row is of the pairs: a repeat may be of another pair."""
        same, landed = ["event_day", self._identity(kind)], self._landed(kind)
        ids = landed.join(pairs, PAIR, "left_semi").select(*same).distinct()
        return landed.join(ids, same, "left_semi")

    def _late(self, kind: str, pairs: DataFrame) -> DataFrame:
        versions, same = self._versions(kind, pairs), ["event_day", self._identity(kind)]
        late = versions.where(self._read.is_later(kind)).select(*same).distinct()
        return versions.join(late, same, "left_semi")

    def _identity(self, kind: str) -> str:
        return self._lake.registry.get(CORE[kind]).key_columns[0]

    def _replayed(self, contract: Contract, pairs: DataFrame) -> DataFrame:
        live = self._table(live_name(contract.dataset), contract.day_column or "").join(pairs, PAIR, "left_semi")
        twice = live.groupBy(contract.day_column or "", *contract.key_columns, *PAIR).count().where("count > 1")
        return twice.select(*PAIR, F.lit(CAUSES.index("replayed")).alias("rank"))

    def _dropped(self, kind: str, pairs: DataFrame) -> DataFrame:
        contract = self._lake.registry.get(HOLDS[kind])
        day, identity = contract.day_column or "", self._identity(kind)
        read = self._landed(kind)
        if self._live.expired is not None:
            read = read.where(F.col("event_day") > F.lit(self._live.expired))
        live = self._table(live_name(contract.dataset), day).select(F.col(day).alias("event_day"), identity)
        return read.join(pairs, PAIR, "left_semi").join(live, ["event_day", identity], "left_anti")

    def _sent_again(self, kind: str, pairs: DataFrame) -> DataFrame:
        sent, identity = self._versions(kind, pairs), self._identity(kind)
        values = F.xxhash64(*(name for name in sent.columns if name not in {"landing_seq", "file", RECEIVED}))
        sent = sent.withColumn("values", values)
        again = sent.groupBy("event_day", identity).agg(F.count_distinct("values").alias("kinds")).where("kinds > 1")
        return sent.join(again, ["event_day", identity], "left_semi")

    def _skewed(self, kind: str, pairs: DataFrame) -> DataFrame:
        happened = self._lake.registry.get(RAW[kind]).event_time
        return self._landed(kind).join(pairs, PAIR, "left_semi").where(F.col(happened) > F.col(RECEIVED))

    def _tied(self, pairs: DataFrame) -> DataFrame:
        shown = self._landed("impressions").join(pairs, PAIR, "left_semi")
        same = shown.groupBy(*PAIR, "event_ts").agg(F.count_distinct("event_id").alias("ids")).where("ids > 1")
        return same.select(*PAIR, F.lit(CAUSES.index("tie")).alias("rank"))
