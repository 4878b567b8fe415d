"""The live tables: what became of each impression and play so far, brought up from what is landed, not from state.

A step takes the rows landed since the last one. It derives anew every play of the profiles and titles that they touch,
and every impression that such a play can belong to, by the transforms of the daily path, from all rows in reach: so a
late event is one like any other, and a step that is repeated changes nothing. Days that have expired stay as they are:
they are the daily path's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee import __version__, faults
from matinee.contracts.model import Contract, live_name
from matinee.domain.pair import PAIR
from matinee.engine.session import side_by_side
from matinee.engine.tables.spark_tables import append, update
from matinee.landing.landed_files import landed_after
from matinee.landing.model import Landing
from matinee.live.impressions import ATTRIBUTIONS, CORE, LIVE, OUTCOMES
from matinee.live.news import IS_LIVE, News, View, among, context, gather, held, input_days
from matinee.live.progress import SOURCES, Progress, next_stop, progress, watermark
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.swap import swapped
from matinee.transforms import transform_of

#: As many rows a step takes: what lies back farther is caught up with in several.
STEP_ROWS = 3_000_000
#: Whether the live table has a row otherwise; null where it has none of that key.
CHANGED = "is_changed"


class Step:
    """One step of the live tables, on snapshots that are pinned when it begins."""

    def __init__(
        self,
        lake: Lake,
        session: SparkSession,
        before: Mapping[str, Progress],
        read: Mapping[str, int],
        lease: Lease | None,
    ) -> None:
        self._lake, self._before, self._lease = lake, before, lease
        instants = [*(one.as_of for one in before.values()), watermark(lake, read)]
        self._as_of = max((one for one in instants if one), default=None)
        self._view = View(
            lake,
            session,
            pins={name: refs.head(lake.table(name)) for name in (*SOURCES, *map(live_name, LIVE))},
            since={name: min(one.read.get(name, 0) for one in before.values()) for name in SOURCES},
            read=read,
            expired=max((one.expired for one in before.values() if one.expired), default=date.min),
        )

    @classmethod
    def next(cls, lake: Lake, session: SparkSession, lease: Lease | None = None) -> "Step | None":
        """Return the step that comes next, under a lease; None where the live tables hold all that is landed."""
        before = {dataset: progress(lake, dataset) for dataset in LIVE}
        stops = [next_stop(lake, one.read, STEP_ROWS) for one in before.values()]
        # After a kill between the two tables the one that is behind comes first, up to where the other one is.
        read = {name: min(one[name] for one in stops) for name in SOURCES}
        read = {name: max(read[name], *(one.read.get(name, 0) for one in before.values())) for name in SOURCES}
        if all(one.read.get(name, 0) == read[name] for one in before.values() for name in SOURCES):
            return None
        return cls(lake, session, before, read, lease)

    def landings(self) -> Iterator[Landing]:
        """Yield what was landed since the live table that is farther behind, up to where the step goes."""
        for dataset in SOURCES:
            found = landed_after(self._lake, dataset, self._view.since[dataset])
            yield from (one for one in found if one.landing_seq <= self._view.read[dataset])

    def run(self) -> None:
        """Derive what the new rows touch, and put it into both tables."""
        news = gather(self._view)
        derived = self._attributions(news)
        attributions = held(self._marked(ATTRIBUTIONS, derived, news.attributions))
        new, changed = attributions.where(F.col(CHANGED).isNull()), attributions.where(CHANGED)
        won = self._won(news, attributions.drop(CHANGED))
        again = self._marked(OUTCOMES, self._outcomes(self._known(news), won), news.outcomes)
        otherwise = again.where(CHANGED).drop(CHANGED).unionByName(self._swept(news))
        # What is held is read at the pins, whatever the other one writes; and only one of the two commits.
        put, hold = partial(self._put, ATTRIBUTIONS, new, changed), partial(held, otherwise)
        _, changed = side_by_side(self._view.session, put, hold)
        faults.reach("stream.after_attributions")
        self._put(OUTCOMES, self._outcomes(self._fresh(news), won), changed)
        faults.reach("stream.after_outcomes")

    def _attributions(self, news: News) -> DataFrame:
        """Return each play that the news can change, as it is by now: columns of core.play_attributions."""
        contract, plays = (self._lake.registry.get(name) for name in (ATTRIBUTIONS, CORE["plays"]))
        columns = ["event_day", *(name for name in contract.column_names if name in plays.column_names)]
        live = news.attributions.withColumn("event_day", F.col("play_day"))
        known = live.join(news.plays.repeated, self._view.identity("plays"), "left_anti")
        found = known.select(*columns).unionByName(news.plays.rows.select(*columns))
        before = input_days(self._lake, ATTRIBUTIONS, news.play_days)
        live_or_new = self._still(news).unionByName(news.impressions.rows.select(*self._shown_columns()))
        shown = [live_or_new.where(among("event_day", before)), *self._expired(news, before)]
        inputs = {
            "plays": found.where(among("event_day", news.play_days)),
            "impressions": reduce(DataFrame.unionByName, shown),
        }
        return transform_of(contract)(inputs, context(contract, news.play_days))

    def _still(self, news: News) -> DataFrame:
        """Return the live impressions whose row no new one can replace: columns of core.impressions."""
        repeated = news.impressions.repeated
        found = news.outcomes.join(repeated, self._view.identity("impressions"), "left_anti")
        return found.select(*self._shown_columns())

    def _shown_columns(self) -> list[str]:
        """Return the columns of an impression that its live row has: a column may come to core.impressions first."""
        core, live = (self._lake.registry.get(name).column_names for name in (CORE["impressions"], OUTCOMES))
        return [name for name in core if name in live]

    def _expired(self, news: News, days: frozenset[date]) -> list[DataFrame]:
        """Return the impressions of days that the live tables no longer have, from the landed rows."""
        gone = {day for day in days if day <= self._view.expired}
        if not gone:
            return []
        contract, same = self._lake.registry.get(CORE["impressions"]), self._view.identity("impressions")
        landed = self._view.landed("impressions").where(among("event_day", gone))
        ids = landed.join(news.at_stake, PAIR, "left_semi").select(*same)
        found = transform_of(contract)({"events": landed.join(ids, same, "left_semi")}, context(contract, gone))
        return [found.join(news.at_stake, PAIR, "left_semi").select(*self._shown_columns())]

    def _fresh(self, news: News) -> DataFrame:
        rows = news.impressions.rows.where(~F.col(IS_LIVE)).select(*self._shown_columns())
        return rows.where(among("event_day", news.shown_days))

    def _known(self, news: News) -> DataFrame:
        """Return the impressions that the live table has and that the news can change, as they are by now."""
        again = news.impressions.rows.where(IS_LIVE).select(*self._shown_columns())
        return self._still(news).unionByName(again).where(among("event_day", news.shown_days))

    def _won(self, news: News, attributions: DataFrame) -> DataFrame:
        """Return all plays that can belong to those impressions: derived now, and such that do not change."""
        after = input_days(self._lake, OUTCOMES, news.shown_days) - news.play_days
        others = news.attributions.where(among("play_day", after))
        return attributions.unionByName(others.select(*attributions.columns))

    def _outcomes(self, impressions: DataFrame, won: DataFrame) -> DataFrame:
        contract = self._lake.registry.get(OUTCOMES)
        inputs = {"impressions": impressions, "attributions": won}
        return transform_of(contract)(inputs, replace(context(contract, ()), as_of=self._as_of))

    def _marked(self, dataset: str, rows: DataFrame, live: DataFrame) -> DataFrame:
        """Return rows as they are to be, and of each whether the live table has it otherwise."""
        contract = self._lake.registry.get(dataset)
        same = [contract.day_column or "", *contract.key_columns]
        values = F.struct(*(name for name in contract.column_names if name not in same))
        before = live.select(*same, values.alias("before"))
        return rows.join(before, same, "left").select(
            *contract.column_names, (F.col("before") != values).alias(CHANGED)
        )

    def _swept(self, news: News) -> DataFrame:
        """Return the rows whose window ended between the last instant of the labels and this one, with their label."""
        contract = self._lake.registry.get(OUTCOMES)
        live, window = self._view.table(live_name(OUTCOMES)), contract.duration("attribution.window")
        last = self._before[OUTCOMES].as_of
        # Another version may have another window: then all that it ended earlier is looked at.
        is_same_window = self._before[OUTCOMES].made_by == _made_by(contract)
        if self._as_of is None or (self._as_of == last and is_same_window):
            return live.select(*contract.column_names).limit(0)
        ended = (F.col("event_ts") < F.lit(self._as_of - window)) & ~F.col("is_mature")
        ended &= F.col("event_day") <= F.lit((self._as_of - window).date())
        if last is not None and is_same_window:
            # Those before were swept then, and what came later was labelled when it came.
            ended &= F.col("event_day") >= F.lit((last - window).date())
        # What the step derives has its label.
        same = (F.col(f"live.{name}") == F.col(f"derived.{name}") for name in PAIR)
        is_derived = [*same, among("live.event_day", news.shown_days)]
        rows = live.where(ended).alias("live").join(news.at_stake.alias("derived"), is_derived, "left_anti")
        label = F.when(F.col("plays") > 0, F.col("label")).otherwise(F.lit("negative"))
        rows = rows.withColumn("label", label).withColumn("is_mature", F.lit(True))
        return rows.select(*contract.column_names)

    def _put(self, dataset: str, new: DataFrame, changed: DataFrame) -> None:
        """Put rows into a live table: main moves once, to a commit that says what the table holds now.

        New ones are appended, and not looked for in it.
        """
        contract, before = self._lake.registry.get(live_name(dataset)), self._before[dataset]
        settings, day = self._lake.settings, F.col(contract.day_column or "").alias("day")
        read, made_by = self._view.read, _made_by(contract)
        after = replace(before, read=read, since=before.read, as_of=self._as_of, made_by=made_by).to_summary()
        after |= self._lease.to_summary() if self._lease else {}
        days = [row["day"] for row in changed.select(day).distinct().collect()]
        columns = contract.column_names
        with swapped(self._lake, contract.dataset, self._view.pins[contract.dataset], self._lease) as branch:
            append(new.select(*columns), settings, contract.dataset, branch, after, spread=True)
            if days:
                update(changed.select(*columns), settings, contract, branch, days, after)
            faults.reach("stream.in_swap")


def _made_by(contract: Contract) -> tuple[str, str]:
    return contract.version, __version__
