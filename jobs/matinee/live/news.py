"""News: the events that were landed since the last update of the live tables, each as its core row.

Mostly an id is new, and its core row is the landed row as it is; other rows are read only for ids that were landed
before, or twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import Contract, live_name
from matinee.days import FIRST_DAY, LAST_DAY
from matinee.engine.tables.spark_tables import pinned
from matinee.live.groups import Events
from matinee.live.progress import Progress
from matinee.table.catalog import Lake
from matinee.transforms import TransformContext, transform_of
from matinee.transforms.deduplication import unrepeated

#: Whether the live table has the row's id.
IS_LIVE = "is_live"
#: The number of rows up to which a single task passes on a frame.
FEW_ROWS = 1_000_000


@dataclass(frozen=True)
class View:
    """The tables as a step reads them.

    Attributes:
        pins: the snapshot of each table.
        since, read: by landed dataset, the landing numbers after which and up to which rows are new.
        before: what each live table holds: of a day that expired in any table no table gets rows.
    """

    lake: Lake
    session: SparkSession
    pins: Mapping[str, int]
    since: Mapping[str, int]
    read: Mapping[str, int]
    before: Collection[Progress]

    def has(self, day: date) -> bool:
        """Whether a day has not expired."""
        return all(done.has(day) for done in self.before)

    def table(self, dataset: str) -> DataFrame:
        """Return a table at its pin."""
        return pinned(self.session, self.lake.settings, dataset, self.pins[dataset])

    def live(self, dataset: str, days: Iterable[date]) -> DataFrame:
        """Return the live rows of some days."""
        return self.table(live_name(dataset)).where(among(self.day(dataset), days))

    def landed(self, dataset: str) -> DataFrame:
        """Return the rows that were landed until now, without days that only older versions landed."""
        landed = self.table(dataset).where(F.col("landing_seq") <= self.read[dataset])
        return landed.where(F.col(self.day(dataset)).between(F.lit(FIRST_DAY), F.lit(LAST_DAY)))

    def new(self, dataset: str) -> DataFrame:
        """Return the landed rows that are new."""
        return self.landed(dataset).where(F.col("landing_seq") > self.since[dataset])

    def day(self, dataset: str) -> str:
        """Return the column of a dataset's event day."""
        return self.lake.registry.get(dataset).day_column or ""

    def identity(self, dataset: str) -> list[str]:
        """Return the columns by which the events of a core dataset are told apart."""
        return [self.day(dataset), *self.lake.registry.get(dataset).key_columns]


@dataclass(frozen=True)
class NewIds:
    """The ids of events that are new, or landed again.

    Attributes:
        days: the days of the events.
        rows: their core rows, with `is_live`; of expired days none.
        repeated: the ids of which more than one row may decide: the event day, the id, `is_live`.
        versions: frames with all rows of the repeated ids, and of all ids of expired days.
    """

    days: set[date]
    rows: DataFrame
    repeated: DataFrame
    versions: Sequence[DataFrame]


def new_ids(view: View, events: Events) -> NewIds:
    """Return what is new of some events."""
    day = view.day(events.landed)
    days = {row[day] for row in view.new(events.landed).select(day).distinct().collect()}
    repeated = held(_repeated(view, events, days))
    versions = held(_versions(view, events, days, repeated))
    rows = _rows(view, events, days, repeated, versions)
    return NewIds(days, rows, repeated, [versions, *_of_expired(view, events, days)])


def held(frame: DataFrame) -> DataFrame:
    """Return a frame whose rows are derived now, and kept as long as the frame is referred to.

    Spark estimates the size of the frame from its plan, far too high for joins of joins. A limit tells Spark how few
    rows there are: it then hashes them in memory, and neither sorts nor shuffles the other side of a join. The price:
    the rows go through one task wherever they are used. The frame then has one partition: else a limit shuffles it.
    """
    kept = frame.localCheckpoint()
    rows = kept.count()
    return kept.coalesce(1).limit(rows) if rows <= FEW_ROWS else kept


def among(column: str, days: Iterable[date]) -> Column:
    """Return the predicate that a day is among some days."""
    return F.col(column).isin(*sorted(days))


def context(contract: Contract, days: Iterable[date]) -> TransformContext:
    """Return the context of a transform of some days, without an instant for labels."""
    listed = [*days]
    return TransformContext(contract, min(listed, default=date.min), max(listed, default=date.min))


def without_repeats(view: View, events: Events, landed: DataFrame, days: Iterable[date]) -> DataFrame:
    """Return the core rows of landed rows, by the transform of the daily path."""
    contract = view.lake.registry.get(events.core)
    return transform_of(contract)({contract.inputs[0].alias: landed}, context(contract, days))


def _repeated(view: View, events: Events, days: set[date]) -> DataFrame:
    """Return the new ids that the live table has, or that are new twice: the event day, the id, and `is_live`.

    Ids that are new twice are recognised by a hash, which takes half the time. Ids that share a hash count as repeated,
    too: the search for a repeat that does not exist costs a little, and changes nothing.
    """
    same = view.identity(events.core)
    new = view.new(events.landed).select(*same)
    numbered = new.withColumn("number", F.xxhash64(*same))  # Equal ids share it, others hardly ever.
    numbers = numbered.groupBy("number").count().where("count > 1").select("number")
    twice = numbered.join(numbers, "number", "left_semi")
    # An inner join can hash the smaller side; a semi join could only hash the new ids.
    known = _held_by_live(view, events, days).select(*same).join(new, same).withColumn(IS_LIVE, F.lit(True))
    both = twice.select(*same, F.lit(False).alias(IS_LIVE)).unionByName(known)
    return both.groupBy(*same).agg(F.max(IS_LIVE).alias(IS_LIVE))


def _held_by_live(view: View, events: Events, days: Iterable[date]) -> DataFrame:
    """Return the live rows of the events of some days, with the day by the name that landed rows have."""
    live, day = view.live(events.holder, days), view.day(events.core)
    return live if view.day(events.holder) == day else live.withColumn(day, F.col(view.day(events.holder)))


def _versions(view: View, events: Events, days: set[date], repeated: DataFrame) -> DataFrame:
    """Return the rows that decide what the core row of a repeated id is, as they were landed; of expired days none.

    Where live rows are whole, the least of all rows of an id is the least of its new rows and of the row that had won
    before, which the live table has. Else all landed rows are read.
    """
    same, columns = view.identity(events.core), _event_columns(view, events)
    kept = among(view.day(events.core), filter(view.has, days))
    if events.is_whole:
        sources = [view.new(events.landed).where(kept), _held_by_live(view, events, days)]
    else:
        sources = [view.landed(events.landed).where(kept)]
    of_repeated = (source.join(repeated, same, "left_semi") for source in sources)
    frames = (frame.select(*(name for name in columns if name in frame.columns)) for frame in of_repeated)
    # A column that raw and core dataset got first is not in the live table yet.
    return reduce(partial(DataFrame.unionByName, allowMissingColumns=True), frames)


def _of_expired(view: View, events: Events, days: set[date]) -> list[DataFrame]:
    """Return all landed rows of the new ids of expired days: the live tables do not say which of them had won."""
    gone = {day for day in days if not view.has(day)}
    if not gone:
        return []
    same, of_gone = view.identity(events.core), among(view.day(events.core), gone)
    landed = view.landed(events.landed).where(of_gone)
    return [landed.join(view.new(events.landed).where(of_gone).select(*same), same, "left_semi")]


def _event_columns(view: View, events: Events) -> list[str]:
    """Return the columns of a landed dataset that its core dataset is derived from."""
    landed, core = (view.lake.registry.get(name) for name in (events.landed, events.core))
    read = {*core.column_names, *(column.milliseconds_of for column in core.columns)}
    return [name for name in landed.column_names if name in read]


def _rows(view: View, events: Events, days: set[date], repeated: DataFrame, versions: DataFrame) -> DataFrame:
    """Return the core rows of the new ids of days that are not expired, with `is_live`."""
    contract, same = view.lake.registry.get(events.core), view.identity(events.core)
    once = unrepeated(view.new(events.landed).join(repeated, same, "left_anti"), contract)
    first = without_repeats(view, events, versions, days).join(repeated, same)
    rows = once.withColumn(IS_LIVE, F.lit(False)).unionByName(first.select(*contract.column_names, IS_LIVE))
    return rows.where(among(view.day(events.core), filter(view.has, days)))
