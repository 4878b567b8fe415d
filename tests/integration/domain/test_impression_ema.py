"""A base is what brute force over the year's impressions yields, in full and from the base before it."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.transforms.rows import US, Derivation, Row, shown
from tests.support.features import DAY, impression_daily, impression_ema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
BASES = "features.impression_ema"
BEFORE, AS_OF = date(2026, 3, 1), date(2026, 3, 8)
YEAR = 364 * DAY
#: Days at the edges of both windows, and some within them.
EDGES = [edge + n * DAY for edge in (BEFORE - YEAR, AS_OF - YEAR, BEFORE, AS_OF) for n in (-1, 0, 1)]
INSIDE = [date(2025, 6, 1), date(2025, 12, 31), date(2026, 2, 27)]
CASES = 40
EXACT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def outcome(event_id: str, day: date, offset_us: int = 0, **values: object) -> Row:
    when = datetime(day.year, day.month, day.day, tzinfo=UTC) + offset_us * US
    return shown(event_id, when, plays=0, watch_ms=0) | values


@dataclass(frozen=True)
class Histories:
    """The impressions that the base before was made from, and those of now; where days differ, they are restated."""

    before: list[Row]
    now: list[Row]
    restated: frozenset[date]

    def derive(self, spark: "SparkSession", *, in_full: bool) -> list[Row]:
        """Derive the base of `AS_OF` from tiles, all of them or from the base of `BEFORE`."""
        old, new = impression_daily(self.before), impression_daily(self.now)
        tiles = [tile for tile in new if AS_OF - YEAR <= tile["event_day"] <= AS_OF]
        if in_full:
            return Derivation(BASES, AS_OF, AS_OF).run(spark, {"tiles": tiles})
        gone = [tile for tile in old if self._differs(tile["event_day"], BEFORE - YEAR, AS_OF - YEAR - DAY)]
        came = [tile for tile in new if self._differs(tile["event_day"], BEFORE + DAY, AS_OF)]
        previous = impression_ema(self.before, BEFORE)
        inputs = {"tiles": tiles, "tiles_gone": gone, "tiles_came": came, "previous": previous}
        return Derivation(BASES, AS_OF, AS_OF, previous=BEFORE).run(spark, inputs)

    def _differs(self, day: date, first: date, last: date) -> bool:
        return first <= day <= last or (AS_OF - YEAR <= day <= BEFORE and day in self.restated)


def histories_of(seed: int) -> Histories:
    """Random impressions of many cases that are kept apart by their profiles; some days are restated in all of them."""
    draw = random.Random(seed)  # noqa: S311 - tests are seeded, nothing is secret
    days = [*EDGES, *INSIDE]
    restated = frozenset(draw.sample([day for day in days if day <= BEFORE], 4))
    before, now = [], []
    for case in range(CASES):
        for number in range(draw.randrange(1, 9)):
            day = draw.choice(days)
            row = outcome(
                f"{case}-{number}", day, draw.choice((0, 1, 86_399_999_999, draw.randrange(86_400_000_000))),
                profile_id=f"p{case}", title_id=draw.choice("tu"), row=draw.choice((1, 2, 5)), plays=draw.randrange(2),
                watch_ms=draw.randrange(1000),
            )  # fmt: skip
            # Of a restated day an impression may have gone, have come, or have other plays.
            fate = draw.choice(("same", "gone", "came", "other")) if day in restated else "same"
            before += [row] if fate != "came" else []
            now += [row | ({"plays": row["plays"] + 1} if fate == "other" else {})] if fate != "gone" else []
    return Histories(before, now, restated)


def by_key(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["profile_id"], row["title_id"], row["location"]))


def compared(rows: list[Row]) -> list[Row]:
    """The rows by key, with averages that equal others within 1e-9 of themselves."""
    return [
        {name: pytest.approx(row[name], rel=1e-9) if name[:4] == "ema_" else row[name] for name in row}
        for row in by_key(rows)
    ]


def check(spark: "SparkSession", histories: Histories) -> None:
    expected = compared(impression_ema(histories.now, AS_OF))
    assert by_key(histories.derive(spark, in_full=True)) == expected
    assert by_key(histories.derive(spark, in_full=False)) == expected


@settings(EXACT, max_examples=3)
@given(seed=st.integers(0, 2**32))
def test_a_base_is_what_brute_force_yields(spark: "SparkSession", seed: int) -> None:
    check(spark, histories_of(seed))


@pytest.mark.slow
@settings(EXACT, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_base_is_what_brute_force_yields_many_times(spark: "SparkSession", seed: int) -> None:
    check(spark, histories_of(seed))


def test_the_random_histories_hold_what_is_rare() -> None:
    seen: set[str] = set()
    for seed in range(20):
        histories = histories_of(seed)
        old, new = impression_ema(histories.before, BEFORE), impression_ema(histories.now, AS_OF)
        keys = [
            {(row["profile_id"], row["title_id"], row["location"]): row["last_seen_ts"] for row in base}
            for base in (old, new)
        ]
        for key in keys[0].keys() | keys[1].keys():
            last, now = keys[0].get(key), keys[1].get(key)
            seen |= {"a key that left"} if now is None else set()
            seen |= {"a key that came"} if last is None else set()
            seen |= {"an earlier last time"} if last and now and now < last else set()
        edges = {row["event_day"] for row in histories.now}
        seen |= {"the first day"} if AS_OF - YEAR in edges else set()
        seen |= {"the day before it"} if AS_OF - YEAR - DAY in edges else set()
    assert seen == {
        "a key that left",
        "a key that came",
        "an earlier last time",
        "the first day",
        "the day before it",
    }


def test_one_impression_remains_where_many_leave_the_window(spark: "SparkSession") -> None:
    many = [outcome(f"e{n}", BEFORE - YEAR, n) for n in range(20_000)]
    rest = outcome("rest", date(2025, 6, 1))
    histories = Histories([*many, rest], [*many, rest], frozenset())
    [row] = histories.derive(spark, in_full=False)
    [expected] = compared(impression_ema([rest], AS_OF))
    assert row == expected
    assert row["impressions"] == 1
