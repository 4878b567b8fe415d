"""Landed events without repeats: one row for each id of an event day, of any dataset whose contract says so.

Clients send again what they think was lost, so a day holds the same id several times. The winner is the row with the
least `(received_ts, event time, SHA-256 of the canonical payload)`. An id on two days stays on both.

The canonical payload is the columns of the derived table in the contract's order without `received_ts`, the day and the
bucket, joined by commas: each as its number of characters, a colon and its text, a null as `-`; times as microseconds
since 1970; the text of a list is its items in the same form, one behind the other, that of a struct its fields. It is
taken after seconds became milliseconds, so it is the same text on every engine; JSON is not (engines escape
differently). Rows that agree in the whole order are equal in every column of the result: whichever is kept, the rows
are the same.
"""

from collections.abc import Collection, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from matinee.contracts.model import RECEIVED, Cells, Contract
from matinee.contracts.model import Column as Declared
from matinee.contracts.readers import Needs
from matinee.transforms.context import TransformContext

#: The parameters whose values decide rows: none.
PARAMETERS: Needs = {}


def deduplicate(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive a dataset from landed rows: unique by the contract's key within the event day; the first arrival stays."""
    contract = context.contract
    [events] = inputs.values()
    order = _of_same_id(contract).orderBy(RECEIVED, contract.event_time, _payload_hash(contract))
    return (
        events.select(*_columns(contract))
        .withColumn("arrival", F.row_number().over(order))
        .where(F.col("arrival") == 1)
        .select(*contract.column_names)
    )


def unrepeated(events: DataFrame, contract: Contract) -> DataFrame:
    """Return the rows of a deduplicated dataset for landed rows without repeats, as `deduplicate` does."""
    return events.select(*_columns(contract))


def changed_by_late(events: DataFrame, landed_through: int, context: TransformContext) -> DataFrame:
    """Return what rows that landed after a number change in a deduplicated dataset, by bucket.

    A late row may be new, may lose to the row that is there, or may win over it: then the old row goes and the new one
    comes, each in its own bucket.

    Args:
        events: the landed rows of the days, with `landing_seq`.
        landed_through: the highest landing number that the published rows were derived from.
        context: of the deduplicated dataset, which has cells.

    Returns:
        the bucket and the day by the contract's names, first_us and last_us (microseconds since 1970 of the first and
        last change), changes (rows that go or come).
    """
    contract = context.contract
    time, same_id = contract.event_time, _same_id(contract)
    late = events.where(F.col("landing_seq") > landed_through).select(*same_id).distinct()
    related = events.join(late, on=same_id, how="left_semi")
    same = _of_same_id(contract)
    # Of equal rows the row that was there stays: then nothing changes.
    order = same.orderBy(RECEIVED, time, _payload_hash(contract), "is_late")
    winner, won_before = F.col("arrival") == 1, F.col("arrival") == F.col("first_landed")
    return (
        related.select(*_columns(contract), (F.col("landing_seq") > landed_through).alias("is_late"))
        .withColumn("arrival", F.row_number().over(order))
        .withColumn("first_landed", F.min(F.when(~F.col("is_late"), F.col("arrival"))).over(same))
        .where((winner | won_before) & (F.coalesce("first_landed", F.lit(0)) != 1))
        .groupBy(contract.cells.column, contract.day_column or "")
        .agg(
            F.min(F.unix_micros(time)).alias("first_us"),
            F.max(F.unix_micros(time)).alias("last_us"),
            F.count("*").alias("changes"),
        )
    )


def rows_that_decide(events: DataFrame, buckets: Collection[int], contract: Contract) -> DataFrame:
    """Return the landed rows that decide what some buckets of a deduplicated dataset hold, repeats included.

    These are the rows of the buckets, and the rows of the same ids in other buckets, which may win over them. A first
    query of few columns asks whether there are such rows: mostly there are none.
    """
    cells, same_id = contract.cells, _same_id(contract)
    named = _names_in(events, buckets, cells)
    own = events.join(named, on=cells.of, how="left_semi")
    of_others = events.join(named, on=cells.of, how="left_anti")
    others = of_others.join(own.select(*same_id), on=same_id, how="left_semi")
    return own if others.isEmpty() else own.unionByName(others)


def rows_to_judge(events: DataFrame, buckets: Collection[int], landed_through: int, contract: Contract) -> DataFrame:
    """Return the landed rows by which a heal of some buckets is judged.

    These are the rows of the buckets, and all rows that landed after a number, in any bucket. Rows of other buckets
    that landed until then were judged when they were published, and have not changed.
    """
    cells = contract.cells
    own = events.join(_names_in(events, buckets, cells), on=cells.of, how="left_semi")
    late = events.where((F.col("landing_seq") > landed_through) & ~_in_buckets(cells.of, buckets, cells))
    return own.unionByName(late)


def bucket_of(column: str, buckets: int) -> Column:
    """Return the bucket of what a column names: 28 bits of its MD5 modulo `buckets`, an int from 0.

    MD5 because every engine and language has it; 28 bits because they fit an int everywhere.
    """
    return F.conv(F.substring(F.md5(F.col(column)), 1, 7), 16, 10).cast("int") % F.lit(buckets)


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


def _names_in(events: DataFrame, buckets: Collection[int], cells: Cells) -> DataFrame:
    # A bucket costs much more than a comparison: it is computed once per name. It is computed of the
    # maximum of equal names, because engines move a condition on the name itself below the grouping, to every row.
    named = events.groupBy(cells.of).agg(F.max(cells.of).alias("name"))
    return named.where(_in_buckets("name", buckets, cells)).select(cells.of)


def _in_buckets(name: str, buckets: Collection[int], cells: Cells) -> Column:
    return bucket_of(name, cells.buckets).isin(*buckets) if buckets else F.lit(False)


def _same_id(contract: Contract) -> list[str]:
    return [contract.day_column or "", *contract.key_columns]


def _of_same_id(contract: Contract) -> WindowSpec:
    return Window.partitionBy(*_same_id(contract))


def _columns(contract: Contract) -> list[Column]:
    derived = {
        column.name: duration_ms(column.milliseconds_of) for column in contract.columns if column.milliseconds_of
    }
    if contract.cells.column:
        derived[contract.cells.column] = bucket_of(contract.cells.of, contract.cells.buckets)
    return [derived[name].alias(name) if name in derived else F.col(name) for name in contract.column_names]


def _payload_hash(contract: Contract) -> Column:
    others = {RECEIVED, contract.day_column, contract.cells.column}
    texts = [_text(column, F.col(column.name)) for column in contract.columns if column.name not in others]
    return F.sha2(F.concat_ws(",", *map(_counted, texts)), 256)


def _text(declared: Declared, value: Column) -> Column:
    if declared.items is not None:
        items = declared.items
        return F.array_join(F.transform(value, lambda item: _counted(_text(items, item))), "")
    if declared.fields:
        texts = (_counted(_text(field, value.getField(field.name))) for field in declared.fields)
        return F.when(value.isNotNull(), F.concat(*texts))
    return (F.unix_micros(value) if declared.type == "timestamptz" else value).cast("string")


def _counted(text: Column) -> Column:
    return F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))
