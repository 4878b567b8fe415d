"""News: what was landed since the live tables were brought up last, and which of their rows it touches.

Mostly an id is new, and its row is the landed one as it is; only of the ids that were landed before, or twice, other
rows are looked at. A new impression changes none of the older ones unless its profile has played its title: so the live
impressions of a few profiles and titles are read, not those of all that were shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import Contract, live_name
from matinee.days import FIRST_DAY, LAST_DAY, day_range
from matinee.domain.pair import PAIR
from matinee.engine.session import side_by_side
from matinee.engine.tables.spark_tables import full_name
from matinee.live.impressions import ATTRIBUTIONS, CORE, HOLDS, LIVE, OTHER_INPUT, OUTCOMES, RAW
from matinee.table.catalog import Lake
from matinee.transforms import TransformContext, transform_of
from matinee.transforms.deduplication import unrepeated
from matinee.transforms.reach import Span, reached_days

#: Whether the live table has the row's id.
IS_LIVE = "is_live"
#: Up to here a frame is taken to be one that a task alone can pass on.
FEW_ROWS = 1_000_000


@dataclass(frozen=True)
class View:
    """The tables as a step reads them.

    Attributes:
        pins: the snapshot of each table.
        since, read: by raw dataset, the landing numbers after which and up to which rows are new.
        expired: up to this day the live tables have no rows, and get none.
    """

    lake: Lake
    session: SparkSession
    pins: Mapping[str, int]
    since: Mapping[str, int]
    read: Mapping[str, int]
    expired: date

    def table(self, dataset: str) -> DataFrame:
        """Return a table at its pin."""
        pinned = self.session.read.option("versionAsOf", str(self.pins[dataset]))
        return pinned.table(full_name(self.lake.settings, dataset))

    def live(self, dataset: str, days: Iterable[date]) -> DataFrame:
        """Return the live rows of some days."""
        day_column = self.lake.registry.get(dataset).day_column or ""
        return self.table(live_name(dataset)).where(among(day_column, days))

    def landed(self, kind: str) -> DataFrame:
        """Return the rows that were landed until now, but of days that landing takes no more: an older one did."""
        landed = self.table(RAW[kind]).where(F.col("landing_seq") <= self.read[RAW[kind]])
        return landed.where(F.col("event_day").between(F.lit(FIRST_DAY), F.lit(LAST_DAY)))

    def new(self, kind: str) -> DataFrame:
        """Return those of them that are new."""
        return self.landed(kind).where(F.col("landing_seq") > self.since[RAW[kind]])

    def identity(self, kind: str) -> list[str]:
        """Return the columns by which events of a kind are told apart."""
        return ["event_day", *self.lake.registry.get(CORE[kind]).key_columns]


@dataclass(frozen=True)
class NewIds:
    """The ids of a kind that are new, or landed anew.

    Attributes:
        days: the days of their events.
        rows: their core rows, with `is_live`; of expired days none.
        repeated: those of which more than one row may decide: event_day, the id, `is_live`.
        versions: in frames, all rows of the repeated ones, and of all that are of expired days.
    """

    days: set[date]
    rows: DataFrame
    repeated: DataFrame
    versions: Sequence[DataFrame]


@dataclass(frozen=True)
class News:
    """What a step is about.

    Attributes:
        impressions, plays: the new ids.
        attributions: the live rows of the profiles and titles that are touched, on all days in reach.
        outcomes: the same of those at stake.
        at_stake: the profiles and titles that were played, or have a repeat: of others no older impression can change.
            A pair may be there several times.
        play_days, shown_days: the days of plays, and of impressions, whose rows the news can change.
    """

    impressions: NewIds
    plays: NewIds
    attributions: DataFrame
    outcomes: DataFrame
    at_stake: DataFrame
    play_days: frozenset[date]
    shown_days: frozenset[date]


def gather(view: View) -> News:
    """Return what is new in the view."""
    # Side by side: a kind by itself leaves cores idle.
    ids = partial(_new_ids, view)
    impressions, plays = side_by_side(view.session, partial(ids, "impressions"), partial(ids, "plays"))
    # Of all rows of an id, not of the one that has won: a repeat may have taken it to another title, and a step that
    # was cut off may have moved it there already.
    moved = _pairs(frame for one in (impressions, plays) for frame in one.versions)
    play_days, shown_days = _reach(view, {"impressions": impressions.days, "plays": plays.days})
    played_in = play_days | input_days(view.lake, OUTCOMES, shown_days)
    touched = _pairs([moved, *(view.new(kind) for kind in RAW)])
    attributions = held(view.live(ATTRIBUTIONS, played_in).join(touched, PAIR, "left_semi"))
    at_stake = held(_pairs([moved, attributions, view.new("plays")]))
    shown_in = shown_days | input_days(view.lake, ATTRIBUTIONS, play_days)
    outcomes = held(view.live(OUTCOMES, shown_in).join(at_stake, PAIR, "left_semi"))
    return News(impressions, plays, attributions, outcomes, at_stake, play_days, shown_days)


def held(frame: DataFrame) -> DataFrame:
    """Return a frame whose rows are derived now, and kept as long as the frame is referred to.

    Spark takes it to be as large as its plan was, joins of joins beyond all measure. A limit tells it how few rows they
    are, so that it hashes them in memory, and neither sorts nor sends around what they are joined to. The price: the
    rows go through one task wherever they are used. They are of one partition then: else a limit sends them around.
    """
    kept = frame.localCheckpoint()
    rows = kept.count()
    return kept.coalesce(1).limit(rows) if rows <= FEW_ROWS else kept


def among(column: str, days: Iterable[date]) -> Column:
    """Return the predicate that a day is one of some."""
    return F.col(column).isin(*sorted(days))


def context(contract: Contract, days: Iterable[date]) -> TransformContext:
    """Return the context of a transform of some days, without an instant for labels."""
    listed = [*days]
    return TransformContext(contract, min(listed, default=date.min), max(listed, default=date.min))


def input_days(lake: Lake, dataset: str, days: frozenset[date]) -> frozenset[date]:
    """Return the days of the other live table that are read to derive some days of a dataset."""
    contract, other = lake.registry.get(dataset), OTHER_INPUT[dataset]
    spec = next(one for one in contract.inputs if one.dataset == other)
    return frozenset(day for one in days for day in day_range(*contract.input_days(spec, one, one)))


def _pairs(frames: Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, (frame.select(*PAIR) for frame in frames))


def _new_ids(view: View, kind: str) -> NewIds:
    days = {row["event_day"] for row in view.new(kind).select("event_day").distinct().collect()}
    repeated = held(_repeated(view, kind, days))
    versions = held(_versions(view, kind, days, repeated))
    rows = _rows(view, kind, days, repeated, versions)
    # Plays are joined again and again, impressions are too many to keep.
    kept = held(rows) if kind == "plays" else rows
    return NewIds(days, kept, repeated, [versions, *_of_expired(view, kind, days)])


def _repeated(view: View, kind: str, days: set[date]) -> DataFrame:
    """Return the new ids that the live table has, or that are new twice: event_day, the id, and `is_live`.

    That an id is new twice is seen by a number in its place, which takes half the time. Ids that share one are among
    the repeated, too: to look for a repeat that is not there costs a little, and changes nothing.
    """
    same = view.identity(kind)
    new = view.new(kind).select(*same)
    numbered = new.withColumn("number", _number(same))
    numbers = numbered.groupBy("number").count().where("count > 1").select("number")
    twice = numbered.join(numbers, "number", "left_semi")
    contract = view.lake.registry.get(HOLDS[kind])
    live = view.live(contract.dataset, days).withColumn("event_day", F.col(contract.day_column or ""))
    # The smaller side may be hashed: of a semi join it could only be that of the new ones.
    known = live.select(*same).join(new, same).withColumn(IS_LIVE, F.lit(True))
    found = twice.select(*same, F.lit(False).alias(IS_LIVE)).unionByName(known)
    return found.groupBy(*same).agg(F.max(IS_LIVE).alias(IS_LIVE))


def _number(columns: Iterable[str]) -> Column:
    """Return a number that equal ids share, and others hardly ever."""
    return F.xxhash64(*columns)


def _versions(view: View, kind: str, days: set[date], repeated: DataFrame) -> DataFrame:
    """Return the rows that decide what the core row of a repeated id is, as they were landed; of expired days none.

    The least of all rows of an impression is the least of the new ones and of the one that had won until then, which
    the live table has whole. Of a play it lacks columns: there all that was landed is looked at.
    """
    same, columns = view.identity(kind), _event_columns(view, kind)
    kept = among("event_day", {day for day in days if day > view.expired})
    if kind == "plays":
        sources = [view.landed(kind).where(kept)]
    else:
        sources = [view.new(kind).where(kept), view.live(OUTCOMES, days)]
    found = (source.join(repeated, same, "left_semi") for source in sources)
    frames = (frame.select(*(name for name in columns if name in frame.columns)) for frame in found)
    # A column that raw and core dataset got first is not in the live table yet.
    return reduce(partial(DataFrame.unionByName, allowMissingColumns=True), frames)


def _of_expired(view: View, kind: str, days: set[date]) -> list[DataFrame]:
    """Return all landed rows of the new ids of expired days: the live tables do not say which of them had won."""
    gone = {day for day in days if day <= view.expired}
    if not gone:
        return []
    same, landed = view.identity(kind), view.landed(kind).where(among("event_day", gone))
    return [landed.join(view.new(kind).where(among("event_day", gone)).select(*same), same, "left_semi")]


def _event_columns(view: View, kind: str) -> list[str]:
    """Return the columns of a raw dataset that its core dataset is derived from."""
    landed, core = (view.lake.registry.get(names[kind]).column_names for names in (RAW, CORE))
    return [name for name in landed if name in core or name == "duration_s"]


def _rows(view: View, kind: str, days: set[date], repeated: DataFrame, versions: DataFrame) -> DataFrame:
    """Return the core rows of the new ids of days that are not expired, with `is_live`."""
    contract, same = view.lake.registry.get(CORE[kind]), view.identity(kind)
    once = unrepeated(view.new(kind).join(repeated, same, "left_anti"), contract)
    first = transform_of(contract)({"events": versions}, context(contract, days)).join(repeated, same)
    rows = once.withColumn(IS_LIVE, F.lit(False)).unionByName(first.select(*contract.column_names, IS_LIVE))
    return rows.where(F.col("event_day") > F.lit(view.expired))


def _reach(view: View, days: Mapping[str, set[date]]) -> tuple[frozenset[date], frozenset[date]]:
    """Return the days of plays and of impressions whose rows the days of new events can change."""
    spans = [(CORE[kind], Span.of_day(day)) for kind in RAW for day in days[kind]]
    reached = [reached_days(view.lake.registry, dataset, span) for dataset, span in spans]
    kept = [frozenset(day for one in reached for day in one.get(name, ()) if day > view.expired) for name in LIVE]
    return kept[0], kept[1]
