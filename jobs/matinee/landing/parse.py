"""Rows that are landed: each typed strictly by the contract, or with the one reason why it cannot be landed.

Reasons, the first that applies: `blank_line`, `incomplete_last_line`, `malformed_json`; for each field in the order of
the contract `missing_<field>`, `wrong_type_<field>`, `blank_<field>`; `day_out_of_range` (within a year of an end of
the calendar, where windows around the event have no days), `received_in_future` (more than AHEAD after it was landed),
`event_in_future` (more than a day after it was received), `before_earliest_event`, `negative_duration`;
`out_of_range_<field>`, `not_allowed_<field>`.

Strict means that nothing is converted but a whole number for a double: "1" is no number and 1.0 no whole one. A text
with half a surrogate pair is none: of different ones the engine would make the same. Times are ISO 8601 texts with an
offset; digits beyond the microsecond are cut. Parquet rows take the same way, as JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

from matinee.contracts.ddl import SPARK_TYPES
from matinee.contracts.model import Column, Contract
from matinee.days import FIRST_DAY, LAST_DAY, end_of, start_of
from matinee.errors import ContractError
from matinee.landing.text import NO_TEXT, marked, readable
from matinee.sources.files.scan import Kind, LandingFile

#: Columns that landing itself fills, whatever a row has under these names.
OWN_COLUMNS = frozenset({"event_day", "landing_seq", "file"})
RECEIVED = "received_ts"
DURATION = "duration_s"
#: How far a producer's clock may be ahead of the landing: what it says of when it received an event is not later.
AHEAD = timedelta(minutes=10)
#: Reasons come first and are fewer; the rest is left to unknown fields, which a broken producer can make endless.
NAMES_COUNTED = 200
SAMPLE_ROWS = 100
_LINE = ("file", "line", "landed_ts", "payload")
_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$"
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_MICROSECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"


@dataclass(frozen=True)
class Counts:
    """What a file holds: good rows, bad rows by reason, and rows by name of a field that the contract lacks."""

    good: int
    bad: dict[str, int]
    unknown_fields: dict[str, int]

    @property
    def quarantined(self) -> int:
        """All bad rows."""
        return sum(self.bad.values())


def parse_file(spark: SparkSession, contract: Contract, landing_file: LandingFile, landed_at: datetime) -> DataFrame:
    """Return what `parse` does, of the lines of a file: `line` counts from 1.

    Args:
        spark: reads the file itself, so its servers have to reach it under the same address.
        contract: of a raw dataset.
        landing_file: as `scan` found it.
        landed_at: the received time of rows that state none.
    """
    file = F.lit(landing_file.file).alias("file")
    lines = _lines(spark, landing_file).select(file, "line", "payload", F.lit(landed_at).alias("landed_ts"))
    return parse(lines, contract, open_line=landing_file.rows if landing_file.ends_open else None)


def parse(lines: DataFrame, contract: Contract, open_line: int | None = None) -> DataFrame:
    """Return `file`, `line`, `landed_ts`, `reason` (null: good), `payload` (of bad ones), `unknown` (names of
    fields that the contract lacks), and the typed columns.

    Args:
        lines: `file`, `line` (long), `payload` (JSON), `landed_ts` (the received time of rows that state none).
        contract: of a raw dataset.
        open_line: the line that its writer may not have ended.
    """
    fields = _fields(contract)
    # What stands behind a first JSON value in a line would be passed over: as one of two elements of an array, the line
    # is followed by the other one only if it is one value and nothing else. No line holds a hash of itself.
    end = F.xxhash64("payload")
    document = F.try_parse_json(F.concat(F.lit("["), marked("payload"), F.lit(","), end.cast("string"), F.lit("]")))
    documents = lines.select(*_LINE, document.alias("document"))
    is_one_value = F.is_valid_utf8("payload") & (F.try_variant_get("document", "$[1]", "long") == end)
    row = F.when(is_one_value, F.try_variant_get("document", "$[0]", "variant"))
    rows = documents.select(*_LINE, row.alias("row"))
    names = F.map_keys(F.try_variant_get("row", "$", "map<string,variant>")).alias("names")
    # One pass over the row finds all fields; looking each up by its path took three times as long.
    wanted = f"struct<{','.join(f'{field.name}:variant' for field in fields)}>"
    found = rows.select(*_LINE, names, F.try_variant_get("row", "$", wanted).alias("found"))
    texts = found.select(*_LINE, "names", *(part for field in fields for part in _type_and_text(field)))
    types = [F.col(f"type_{field.name}") for field in fields]
    values = texts.select(*_LINE, "names", *types, *(_value(field) for field in fields))
    received = F.coalesce(F.col(RECEIVED), F.col("landed_ts"))
    columns = [received.alias(RECEIVED) if field.name == RECEIVED else F.col(field.name) for field in fields]
    judged = values.withColumn("reason", F.coalesce(*_reasons(contract, open_line, received)))
    return judged.select(
        "file",
        "line",
        "landed_ts",
        "reason",
        F.when(F.col("reason").isNotNull(), F.col("payload")).alias("payload"),
        F.array_except("names", F.array(*(F.lit(field.name) for field in fields))).alias("unknown"),
        *columns,
        F.to_date(event_time(contract)).alias("event_day"),
    )


def count(parsed: DataFrame) -> Counts:
    """Count the parsed rows in one pass; of very many unknown fields the most frequent ones are named."""
    fields = F.transform(F.coalesce("unknown", F.array()), lambda name: _named(name, is_field=True))
    names = F.concat(F.array(_named(F.col("reason"), is_field=False)), fields)
    found = parsed.select(F.explode(names).alias("found")).groupBy("found.is_field", "found.name")
    counted = found.agg(F.count("*").alias("rows")).orderBy("is_field", F.desc("rows"), "name")
    rows = counted.limit(NAMES_COUNTED).collect()
    reasons = {row["name"]: row["rows"] for row in rows if not row["is_field"]}
    good = reasons.pop(None, 0)
    return Counts(good, dict(sorted(reasons.items())), {row["name"]: row["rows"] for row in rows if row["is_field"]})


def _named(name: Expression, *, is_field: bool) -> Expression:
    return F.struct(F.lit(is_field).alias("is_field"), name.alias("name"))


def landed_rows(parsed: DataFrame, contract: Contract, landing_seq: int) -> DataFrame:
    """Return the good rows: the contract's columns."""
    own = {"landing_seq": F.lit(landing_seq).cast("long")}
    return parsed.where(F.col("reason").isNull()).select(
        *(own.get(name, F.col(name)).alias(name) for name in contract.column_names)
    )


def quarantined_rows(parsed: DataFrame, contract: Contract, dataset: str, landing_seq: int) -> DataFrame:
    """Return the bad rows of what was landed for a dataset: the columns of the quarantine's contract."""
    can_be = F.col(RECEIVED).between(F.lit(start_of(FIRST_DAY)), F.col("landed_ts") + F.lit(AHEAD))
    own = {
        "dataset": F.lit(dataset),
        # Outside the calendar nobody could read the row; a time after its landing is none at which it was received.
        RECEIVED: F.when(can_be, F.col(RECEIVED)).otherwise(F.col("landed_ts")),
        "landing_seq": F.lit(landing_seq).cast("long"),
        # Bytes that are no UTF-8 are why a line is here; the table's readers must be able to read it all the same.
        "payload": F.make_valid_utf8("payload"),
    }
    return parsed.where(F.col("reason").isNotNull()).select(
        *(own.get(name, F.col(name)).alias(name) for name in contract.column_names)
    )


def check_sample(good: DataFrame, contract: Contract) -> None:
    """Hold the first rows that are to be landed against the contract's schema.

    Raises:
        ContractError: they do not keep it, so the typing here and the contract's schema disagree.
    """
    import pandera.errors

    from matinee.contracts.frames import pandera_schema

    sample = good.limit(SAMPLE_ROWS).toArrow().to_pandas()
    try:
        pandera_schema(contract).validate(sample, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = "; ".join(f"{case.column}: {case.check}" for case in error.failure_cases.head(5).itertuples())
        raise ContractError(
            f"Rows that passed landing do not keep the contract of {contract.dataset}: {cases}.",
            next_step="Nothing was landed. Correct the contract, or report the rows as a fault of landing.",
            facts={"dataset": contract.dataset, "cases": cases},
        ) from error


def _fields(contract: Contract) -> list[Column]:
    return [column for column in contract.columns if column.name not in OWN_COLUMNS]


def event_time(contract: Contract) -> str:
    """Return the column that says when an event happened."""
    return next(one.name for one in _fields(contract) if one.type == "timestamptz" and one.name != RECEIVED)


def _lines(spark: SparkSession, landing_file: LandingFile) -> DataFrame:
    # One partition a file, whatever its size: only then does the running number count its lines.
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(1 << 40))
    spark.conf.set("spark.sql.files.minPartitionNum", "1")
    line = (F.monotonically_increasing_id() + 1).alias("line")
    # The path is a pattern to Spark: a bracket in a name is not.
    uri = re.sub(r"([\\*?\[\]{}])", r"\\\1", landing_file.uri)
    if landing_file.kind is not Kind.PARQUET:
        return spark.read.text(uri, lineSep="\n").select(line, F.col("value").alias("payload"))
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    rows = spark.read.parquet(uri)
    columns = [_parquet_column(field, landing_file) for field in rows.schema.fields]
    formats = {"timestampFormat": f"{_MICROSECONDS}XXX", "timestampNTZFormat": f"{_MICROSECONDS}'Z'"}
    return rows.select(line, F.to_json(F.struct(*columns), formats).alias("payload"))


def _parquet_column(field: StructField, landing_file: LandingFile) -> Expression:
    name = field.name
    column = F.col(f"`{name.replace('`', '``')}`")
    if name in landing_file.nanosecond_columns:
        return F.timestamp_micros(F.floor(column / F.lit(1000)).cast("long")).alias(name)
    return readable(column, field.dataType).alias(name)


def _type_and_text(field: Column) -> Iterator[Expression]:
    """Yield the name of a field's JSON type (null or VOID: no value) and its value, not yet checked."""
    value = F.col(f"found.{field.name}")
    yield F.schema_of_variant(value).alias(f"type_{field.name}")
    read_as = "string" if field.type in {"timestamptz", "date"} else SPARK_TYPES[field.type]
    yield F.try_variant_get(value, "$", read_as).alias(field.name)


def _value(field: Column) -> Expression:
    """Return the field's value where its JSON type is right, else null."""
    kind, value = F.col(f"type_{field.name}"), F.col(field.name)
    if field.type == "string":
        is_right = (kind == "STRING") & ~F.contains(value, F.lit(NO_TEXT))
    elif field.type in {"timestamptz", "date"}:
        is_right = (kind == "STRING") & value.rlike(_INSTANT if field.type == "timestamptz" else _DAY)
        value = value.try_cast(SPARK_TYPES[field.type])
    elif field.type == "double":
        is_right = kind.rlike("^(BIGINT|DECIMAL|DOUBLE)") & (F.abs(value) < float("inf"))
    else:
        is_right = kind == ("BOOLEAN" if field.type == "boolean" else "BIGINT")
    return F.when(is_right, value).alias(field.name)


def _reasons(contract: Contract, open_line: int | None, received: Expression) -> Iterator[Expression]:
    yield _reason("blank_line", F.col("payload").rlike(r"^\s*$"))
    is_object = F.col("names").isNotNull()
    if open_line is not None:
        yield _reason("incomplete_last_line", ~is_object & (F.col("line") == open_line))
    yield _reason("malformed_json", ~is_object)
    fields = _fields(contract)
    for field in fields:
        yield from _reasons_of_type(field)
    event = F.col(event_time(contract))
    yield _reason("day_out_of_range", (event < F.lit(start_of(FIRST_DAY))) | (event >= F.lit(end_of(LAST_DAY))))
    yield _reason("received_in_future", received > F.col("landed_ts") + F.lit(AHEAD))
    yield _reason("event_in_future", event > received + F.expr("INTERVAL 1 DAY"))
    yield _reason("before_earliest_event", event < F.lit(start_of(contract.earliest_event)))
    if DURATION in contract.column_names:
        yield _reason("negative_duration", F.col(DURATION) < 0)
    for field in fields:
        yield from _reasons_of_range(field)


def _reasons_of_type(field: Column) -> Iterator[Expression]:
    is_absent = F.coalesce(F.col(f"type_{field.name}"), F.lit("VOID")) == "VOID"
    if field.required and field.name != RECEIVED:
        yield _reason(f"missing_{field.name}", is_absent)
    yield _reason(f"wrong_type_{field.name}", ~is_absent & F.col(field.name).isNull())
    if field.required and field.type == "string":
        # An identifier of nothing would make one profile or title of all that have none.
        yield _reason(f"blank_{field.name}", F.col(field.name).rlike(r"^\s*$"))


def _reasons_of_range(field: Column) -> Iterator[Expression]:
    value = F.col(field.name)
    if field.minimum is not None:
        yield _reason(f"out_of_range_{field.name}", value < field.minimum)
    if field.maximum is not None:
        yield _reason(f"out_of_range_{field.name}", value > field.maximum)
    if field.enum:
        yield _reason(f"not_allowed_{field.name}", ~value.isin(*field.enum))


def _reason(name: str, applies: Expression) -> Expression:
    return F.when(applies, F.lit(name))
