"""Records of a stream as parsed rows, by the engine: reasons and what is strict are those of `landing.parsing.judge`.

The engine's own functions judge them: a worker of Python for each session would stay as long as a server of sessions.
"""

from collections.abc import Iterator

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matinee.contracts.ddl import SPARK_TYPES
from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.days import FIRST_DAY, LAST_DAY, end_of, start_of
from matinee.landing.escapes import marked
from matinee.landing.parsing.judge import AHEAD, landed_fields
from matinee.landing.parsing.text import NO_TEXT
from matinee.landing.writing.parts import NAMES_COUNTED

_LINE = ("file", "line", "landed_ts", "payload")
_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$"
_DAY = r"^\d{4}-\d{2}-\d{2}$"


def parse(lines: DataFrame, contract: Contract) -> DataFrame:
    """Return `file`, `line`, `landed_ts`, `reason` (null: good), `payload` (of bad ones), `unknown` (names of
    fields that the contract lacks), and the typed columns.

    Args:
        lines: `file`, `line` (long), `payload` (JSON), `landed_ts` (the received time of rows that state none).
        contract: of a raw dataset.
    """
    fields = landed_fields(contract)
    # What stands behind a first JSON value in a line would be passed over: as one of two elements of an array, the line
    # is followed by the other one only if it is one value and nothing else. No line holds a hash of itself.
    end = F.xxhash64("payload")
    document = F.try_parse_json(F.concat(F.lit("["), marked("payload"), F.lit(","), end.cast("string"), F.lit("]")))
    documents = lines.select(*_LINE, document.alias("document"))
    is_one_value = F.is_valid_utf8("payload") & (F.try_variant_get("document", "$[1]", "long") == end)
    record = F.when(is_one_value, F.try_variant_get("document", "$[0]", "variant"))
    rows = documents.select(*_LINE, record.alias("record"))
    names = F.map_keys(F.try_variant_get("record", "$", "map<string,variant>")).alias("names")
    # One pass over the row finds all fields; looking each up by its path took three times as long.
    wanted = f"struct<{','.join(f'{field.name}:variant' for field in fields)}>"
    found = rows.select(*_LINE, names, F.try_variant_get("record", "$", wanted).alias("found"))
    texts = found.select(*_LINE, "names", *(part for field in fields for part in _type_and_text(field)))
    types = [F.col(f"type_{field.name}") for field in fields]
    values = texts.select(*_LINE, "names", *types, *(_value(field) for field in fields))
    received = F.coalesce(F.col(RECEIVED), F.col("landed_ts"))
    columns = [received.alias(RECEIVED) if field.name == RECEIVED else F.col(field.name) for field in fields]
    judged = values.withColumn("reason", F.coalesce(*_reasons(contract, received)))
    return judged.select(
        "file",
        "line",
        "landed_ts",
        "reason",
        F.when(F.col("reason").isNotNull(), F.col("payload")).alias("payload"),
        F.array_except("names", F.array(*(F.lit(field.name) for field in fields))).alias("unknown"),
        *columns,
        F.to_date(contract.event_time).alias(contract.day_column or ""),
    )


def unknown_fields(parsed: DataFrame) -> dict[str, int]:
    """Return how many parsed rows have fields that the contract lacks, by field; of very many the most frequent."""
    names = parsed.select(F.explode("unknown").alias("name")).groupBy("name").agg(F.count("*").alias("rows"))
    found = names.orderBy(F.desc("rows"), "name").limit(NAMES_COUNTED).collect()
    return {row["name"]: row["rows"] for row in found}


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


def _reasons(contract: Contract, received: Expression) -> Iterator[Expression]:
    yield _reason("blank_line", F.col("payload").rlike(r"^\s*$"))
    is_object = F.col("names").isNotNull()
    yield _reason("malformed_json", ~is_object)
    fields = landed_fields(contract)
    for field in fields:
        yield from _reasons_of_type(field)
    event = F.col(contract.event_time)
    yield _reason("day_out_of_range", (event < F.lit(start_of(FIRST_DAY))) | (event >= F.lit(end_of(LAST_DAY))))
    yield _reason("received_in_future", received > F.col("landed_ts") + F.lit(AHEAD))
    yield _reason("event_in_future", event > received + F.expr("INTERVAL 1 DAY"))
    yield _reason("before_earliest_event", event < F.lit(start_of(contract.earliest_event)))
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
        yield _reason(field.below_minimum or f"out_of_range_{field.name}", value < field.minimum)
    if field.maximum is not None:
        yield _reason(f"out_of_range_{field.name}", value > field.maximum)
    if field.enum:
        yield _reason(f"not_allowed_{field.name}", ~value.isin(*field.enum))


def _reason(name: str, applies: Expression) -> Expression:
    return F.when(applies, F.lit(name))
