"""Landed events without repeats: core.impressions and core.plays, one row for each id of an event day.

Clients send again what they think was lost, so a day holds the same id several times. The winner is the row with the
least `(received_ts, event_ts | start_ts, SHA-256 of the canonical payload)`. An id on two days stays on both.

The canonical payload is the columns of the core table in the contract's order without `received_ts`, `event_day` and
`profile_bucket`, joined by commas: each as its number of characters, a colon and its text, a null as `-`; times as
microseconds since 1970. It is taken after `duration_s` became `duration_ms`, so it holds strings and integers only and
is the same text on every engine; JSON is not (engines escape differently). Rows that agree in the whole order are equal
in every column of the result: whichever is kept, the rows are the same.
"""

from collections.abc import Collection, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from matinee.contracts.model import Contract
from matinee.transforms.context import TransformContext

_TIMES = {"deduplicate_impressions": "event_ts", "deduplicate_plays": "start_ts"}
#: The transforms of this module: of an input of landed rows they keep one row for each id of a day.
DEDUPLICATIONS = frozenset(_TIMES)
_NOT_PAYLOAD = frozenset({"received_ts", "event_day", "profile_bucket"})


def deduplicate_impressions(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive core.impressions from raw.impressions, given as `events`: unique by event_id within the event day."""
    return _first_arrivals(inputs["events"], "event_id", "event_ts", context)


def deduplicate_plays(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive core.plays from raw.plays, given as `events`: unique by play_id within the event day."""
    return _first_arrivals(inputs["events"], "play_id", "start_ts", context)


def unrepeated(events: DataFrame, contract: Contract) -> DataFrame:
    """Return the rows of a deduplicated dataset for landed rows of which none has a repeat: as a transform does."""
    return events.select(*_columns(contract))


def changed_by_late(events: DataFrame, landed_through: int, context: TransformContext) -> DataFrame:
    """Return what rows that landed after a number change in a deduplicated dataset, by bucket.

    A late row may be new, may lose to the one that is there, or may win over it: then the old row goes and the new one
    comes, each in the bucket of its own profile.

    Args:
        events: the landed rows of the days, with `landing_seq`.
        landed_through: the highest landing number that the published rows were derived from.
        context: of the deduplicated dataset.

    Returns:
        profile_bucket, event_day, first_us and last_us (microseconds since 1970 of the first and last change),
        changes (rows that go or come).
    """
    contract = context.contract
    identity = contract.key_columns[0]
    time = _TIMES[contract.transform or ""]
    late = events.where(F.col("landing_seq") > landed_through).select("event_day", identity).distinct()
    related = events.join(late, on=["event_day", identity], how="left_semi")
    same = Window.partitionBy("event_day", identity)
    # Of equal rows the one that was there stays: then nothing changes.
    order = same.orderBy("received_ts", time, _payload_hash(contract), "is_late")
    winner, won_before = F.col("arrival") == 1, F.col("arrival") == F.col("first_landed")
    return (
        related.select(*_columns(contract), (F.col("landing_seq") > landed_through).alias("is_late"))
        .withColumn("arrival", F.row_number().over(order))
        .withColumn("first_landed", F.min(F.when(~F.col("is_late"), F.col("arrival"))).over(same))
        .where((winner | won_before) & (F.coalesce("first_landed", F.lit(0)) != 1))
        .groupBy("profile_bucket", "event_day")
        .agg(
            F.min(F.unix_micros(time)).alias("first_us"),
            F.max(F.unix_micros(time)).alias("last_us"),
            F.count("*").alias("changes"),
        )
    )


def rows_that_decide(events: DataFrame, buckets: Collection[int], contract: Contract) -> DataFrame:
    """Return the landed rows that say what some buckets of a deduplicated dataset hold, repeats included.

    Those are the rows of the buckets' profiles, and the rows that other profiles have of the same ids: they may win
    over them. Whether there are such rows is asked first, of few columns: mostly there are none.
    """
    same = ["event_day", contract.key_columns[0]]
    profiles = _profiles_of(events, buckets, contract)
    own = events.join(profiles, on="profile_id", how="left_semi")
    of_others = events.join(profiles, on="profile_id", how="left_anti")
    others = of_others.join(own.select(*same), on=same, how="left_semi")
    return own if others.isEmpty() else own.unionByName(others)


def rows_to_judge(events: DataFrame, buckets: Collection[int], landed_through: int, contract: Contract) -> DataFrame:
    """Return the landed rows by which a heal of some buckets is judged.

    Those are the rows of the buckets' profiles, and all that landed after a number, wherever it belongs: what landed
    until then and is of other buckets was judged when it was published, and stands where it stood.
    """
    own = events.join(_profiles_of(events, buckets, contract), on="profile_id", how="left_semi")
    late = events.where((F.col("landing_seq") > landed_through) & ~_in_buckets("profile_id", buckets, contract))
    return own.unionByName(late)


def profile_bucket(profile_id: str, buckets: int) -> Column:
    """Return the bucket of the profile that a column names: 28 bits of its MD5 modulo `buckets`, an int from 0.

    MD5 because every engine and language has it; 28 bits because they fit an int everywhere.
    """
    return F.conv(F.substring(F.md5(F.col(profile_id)), 1, 7), 16, 10).cast("int") % F.lit(buckets)


def duration_ms(seconds: str) -> Column:
    """Return a column of seconds (double) as whole milliseconds (long), half-even; null stays null.

    Exact for what a double prints: 1.0005 s is half way and becomes 1000 ms, which `seconds * 1000` in floating point
    misses. The double nearest to the half-way point between two milliseconds is one division of two whole numbers;
    a duration equals it, or lies on the side that decides. No decimals: engines disagree on doubles as decimals.
    """
    below = F.floor(F.col(seconds) * 1000).cast("long")
    half_way = (below * 2 + 1) / F.lit(2000.0)
    return (
        F.when(F.col(seconds) < half_way, below).when(F.col(seconds) > half_way, below + 1).otherwise(below + below % 2)
    )


def _profiles_of(events: DataFrame, buckets: Collection[int], contract: Contract) -> DataFrame:
    # A bucket costs much more than a comparison: it is found once a profile. Of the greatest name of a profile, its
    # own, because engines move a condition on the profile itself below the grouping, to every row.
    named = events.groupBy("profile_id").agg(F.max("profile_id").alias("name"))
    return named.where(_in_buckets("name", buckets, contract)).select("profile_id")


def _in_buckets(profile_id: str, buckets: Collection[int], contract: Contract) -> Column:
    if not buckets:
        return F.lit(False)
    return profile_bucket(profile_id, contract.profile_buckets or 1).isin(*buckets)


def _columns(contract: Contract) -> list[Column]:
    derived = {
        "duration_ms": duration_ms("duration_s"),
        "profile_bucket": profile_bucket("profile_id", contract.profile_buckets or 1),
    }
    return [derived[name].alias(name) if name in derived else F.col(name) for name in contract.column_names]


def _first_arrivals(events: DataFrame, identity: str, time: str, context: TransformContext) -> DataFrame:
    contract = context.contract
    order = Window.partitionBy("event_day", identity).orderBy("received_ts", time, _payload_hash(contract))
    return (
        events.select(*_columns(contract))
        .withColumn("arrival", F.row_number().over(order))
        .where(F.col("arrival") == 1)
        .select(*contract.column_names)
    )


def _payload_hash(contract: Contract) -> Column:
    fields = [
        F.unix_micros(column.name) if column.type == "timestamptz" else F.col(column.name)
        for column in contract.columns
        if column.name not in _NOT_PAYLOAD
    ]
    return F.sha2(F.concat_ws(",", *(_counted(field.cast("string")) for field in fields)), 256)


def _counted(text: Column) -> Column:
    return F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))
