"""The follower of impressions and plays: what became of each so far, derived from what is landed, not from state.

A step derives again every play of the profiles and titles that the new rows touch, and every impression that such a
play can belong to, by the transforms of the daily path, from all rows in reach: so a late event is like any other. A
new impression changes older impressions only if its profile has played its title: so a step reads the live impressions
of a few profiles and titles, not of all that were shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.model import Contract, live_name
from matinee.days import day_range
from matinee.domain.pair import PAIR
from matinee.engine.session import side_by_side
from matinee.live.groups import Events, Sources
from matinee.live.news import IS_LIVE, NewIds, View, among, context, held, new_ids, without_repeats
from matinee.live.step import CHANGED, Step, made_by
from matinee.table.catalog import Lake
from matinee.transforms import transform_of
from matinee.transforms.reach import Span, reached_days

ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"
#: The datasets with a live table, in the order in which they are derived, and the datasets that they are made from.
LIVE = (ATTRIBUTIONS, OUTCOMES)
SOURCES = ("raw.impressions", "raw.plays")
#: A live impression is whole: the live row of a play lacks columns. The last impression before a play wins it.
IMPRESSIONS = Events("raw.impressions", "core.impressions", OUTCOMES, is_whole=True, is_ranked=True)
PLAYS = Events("raw.plays", "core.plays", ATTRIBUTIONS, is_whole=False)
#: The input that comes from the other live table.
_OTHER_INPUT = {ATTRIBUTIONS: IMPRESSIONS.core, OUTCOMES: ATTRIBUTIONS}


@dataclass(frozen=True)
class News:
    """The events that a step takes, and the live rows that they can change.

    Attributes:
        impressions, plays: the new ids.
        attributions: the live attributions of the profiles and titles that are touched, on all days in reach.
        outcomes: the live impressions of the profiles and titles at stake, on all days in reach.
        at_stake: the profiles and titles that were played, or have a repeat: only their older impressions can change.
            A pair may occur several times.
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
    # Side by side: one kind of events alone leaves cores idle.
    impressions, plays = side_by_side(view.session, partial(new_ids, view, IMPRESSIONS), partial(_new_plays, view))
    # The pairs of all rows of an id, not only of the winning row: a repeat may have moved the id to another title, and
    # a step that was cut off may have done so already.
    moved = _pairs(frame for ids in (impressions, plays) for frame in ids.versions)
    play_days, shown_days = _reach(view, impressions.days, plays.days)
    played_in = play_days | input_days(view.lake, OUTCOMES, shown_days)
    touched = _pairs([moved, *(view.new(dataset) for dataset in SOURCES)])
    attributions = held(view.live(ATTRIBUTIONS, played_in).join(touched, PAIR, "left_semi"))
    at_stake = held(_pairs([moved, attributions, view.new(PLAYS.landed)]))
    shown_in = shown_days | input_days(view.lake, ATTRIBUTIONS, play_days)
    outcomes = held(view.live(OUTCOMES, shown_in).join(at_stake, PAIR, "left_semi"))
    return News(impressions, plays, attributions, outcomes, at_stake, play_days, shown_days)


def input_days(lake: Lake, dataset: str, days: frozenset[date]) -> frozenset[date]:
    """Return the days of the other live table that are read to derive some days of a dataset."""
    contract, other = lake.registry.get(dataset), _OTHER_INPUT[dataset]
    spec = next(spec for spec in contract.inputs if spec.dataset == other)
    return frozenset(read for day in days for read in day_range(*contract.input_days(spec, day, day)))


def _pairs(frames: Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, (frame.select(*PAIR) for frame in frames))


def _new_plays(view: View) -> NewIds:
    # Plays are joined again and again, impressions are too many to keep.
    ids = new_ids(view, PLAYS)
    return replace(ids, rows=held(ids.rows))


def _reach(view: View, shown: set[date], played: set[date]) -> tuple[frozenset[date], frozenset[date]]:
    """Return the days of plays and of impressions whose rows the days of new events can change."""
    spans = [
        (events.core, Span.of_day(day)) for events, days in ((IMPRESSIONS, shown), (PLAYS, played)) for day in days
    ]
    reached = [reached_days(view.lake.registry, dataset, span) for dataset, span in spans]
    kept = [frozenset(day for days in reached for day in days.get(name, ()) if view.has(day)) for name in LIVE]
    return kept[0], kept[1]


class Pairs(Step):
    """Derives what the new impressions and plays touch, and puts it into both tables."""

    @classmethod
    def sources(cls, _: Sequence[Contract]) -> Sources:
        """Return impressions and plays, which belong together by profile and title."""
        return Sources((IMPRESSIONS, PLAYS), tuple(PAIR))

    def run(self) -> None:
        """Derive what the new rows touch, and put it into both tables."""
        news = gather(self._view)
        derived = self._attributions(news)
        attributions = held(self._marked(ATTRIBUTIONS, derived, news.attributions))
        new, changed = attributions.where(F.col(CHANGED).isNull()), attributions.where(CHANGED)
        won = self._won(news, attributions.drop(CHANGED))
        again = self._marked(OUTCOMES, self._outcomes(self._known(news), won), news.outcomes)
        otherwise = again.where(CHANGED).drop(CHANGED).unionByName(self._swept(news))
        # The held frame is read at the pins, whatever `_put` writes; and only `_put` commits.
        put, hold = partial(self._put, ATTRIBUTIONS, new, changed), partial(held, otherwise)
        _, changed = side_by_side(self._view.session, put, hold)
        faults.reach("stream.after_attributions")
        self._put(OUTCOMES, self._outcomes(self._fresh(news), won), changed)
        faults.reach("stream.after_outcomes")

    def _attributions(self, news: News) -> DataFrame:
        """Return each play that the news can change, as it is by now: columns of core.play_attributions."""
        contract, plays = (self._lake.registry.get(name) for name in (ATTRIBUTIONS, PLAYS.core))
        columns = ["event_day", *(name for name in contract.column_names if name in plays.column_names)]
        live = news.attributions.withColumn("event_day", F.col("play_day"))
        known = live.join(news.plays.repeated, self._view.identity(PLAYS.core), "left_anti")
        played = known.select(*columns).unionByName(news.plays.rows.select(*columns))
        before = input_days(self._lake, ATTRIBUTIONS, news.play_days)
        live_or_new = self._still(news).unionByName(news.impressions.rows.select(*self._shown_columns()))
        shown = [live_or_new.where(among("event_day", before)), *self._expired(news, before)]
        inputs = {
            "plays": played.where(among("event_day", news.play_days)),
            "impressions": reduce(DataFrame.unionByName, shown),
        }
        return transform_of(contract)(inputs, context(contract, news.play_days))

    def _still(self, news: News) -> DataFrame:
        """Return the live impressions whose row no new one can replace: columns of core.impressions."""
        still = news.outcomes.join(news.impressions.repeated, self._view.identity(IMPRESSIONS.core), "left_anti")
        return still.select(*self._shown_columns())

    def _shown_columns(self) -> list[str]:
        """Return the columns of an impression that its live row has: a column may come to core.impressions first."""
        core, live = (self._lake.registry.get(name).column_names for name in (IMPRESSIONS.core, OUTCOMES))
        return [name for name in core if name in live]

    def _expired(self, news: News, days: frozenset[date]) -> list[DataFrame]:
        """Return the impressions of days that the live tables no longer have, from the landed rows."""
        gone = {day for day in days if not self._view.has(day)}
        if not gone:
            return []
        same = self._view.identity(IMPRESSIONS.core)
        landed = self._view.landed(IMPRESSIONS.landed).where(among("event_day", gone))
        ids = landed.join(news.at_stake, PAIR, "left_semi").select(*same)
        shown = without_repeats(self._view, IMPRESSIONS, landed.join(ids, same, "left_semi"), gone)
        return [shown.join(news.at_stake, PAIR, "left_semi").select(*self._shown_columns())]

    def _fresh(self, news: News) -> DataFrame:
        rows = news.impressions.rows.where(~F.col(IS_LIVE)).select(*self._shown_columns())
        return rows.where(among("event_day", news.shown_days))

    def _known(self, news: News) -> DataFrame:
        """Return the impressions that the live table has and that the news can change, as they are by now."""
        again = news.impressions.rows.where(IS_LIVE).select(*self._shown_columns())
        return self._still(news).unionByName(again).where(among("event_day", news.shown_days))

    def _won(self, news: News, attributions: DataFrame) -> DataFrame:
        """Return all plays that can belong to the impressions that change: plays derived now, and unchanged plays."""
        after = input_days(self._lake, OUTCOMES, news.shown_days) - news.play_days
        others = news.attributions.where(among("play_day", after))
        return attributions.unionByName(others.select(*attributions.columns))

    def _outcomes(self, impressions: DataFrame, won: DataFrame) -> DataFrame:
        contract = self._lake.registry.get(OUTCOMES)
        inputs = {"impressions": impressions, "attributions": won}
        return transform_of(contract)(inputs, replace(context(contract, ()), as_of=self._as_of))

    def _swept(self, news: News) -> DataFrame:
        """Return the rows whose window ended between the last and the new instant of the labels, with their label."""
        contract = self._lake.registry.get(OUTCOMES)
        live, window = self._view.table(live_name(OUTCOMES)), contract.duration("attribution.window")
        last = self._before[OUTCOMES].as_of
        # Another version may have another window: then all rows whose window has ended are looked at.
        is_same_window = self._before[OUTCOMES].made_by == made_by(contract)
        if self._as_of is None or (self._as_of == last and is_same_window):
            return live.select(*contract.column_names).limit(0)
        ended = (F.col("event_ts") < F.lit(self._as_of - window)) & ~F.col("is_mature")
        ended &= F.col("event_day") <= F.lit((self._as_of - window).date())
        if last is not None and is_same_window:
            # Older rows were swept in earlier steps, and rows that came later were labelled when they came.
            ended &= F.col("event_day") >= F.lit((last - window).date())
        # The rows that the step derives have their label.
        same = (F.col(f"live.{name}") == F.col(f"derived.{name}") for name in PAIR)
        is_derived = [*same, among("live.event_day", news.shown_days)]
        rows = live.where(ended).alias("live").join(news.at_stake.alias("derived"), is_derived, "left_anti")
        label = F.when(F.col("plays") > 0, F.col("label")).otherwise(F.lit("negative"))
        rows = rows.withColumn("label", label).withColumn("is_mature", F.lit(True))
        return rows.select(*contract.column_names)
