"""Records of a stream as parsed rows, by the engine: reasons and strictness are those of `landing.parsing.judge`.

The engine's own functions judge the records: Python workers would run for each session as long as its server does.
"""

from collections.abc import Iterator, Sequence
from functools import partial, reduce

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matinee.contracts.ddl import spark_type
from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.days import FIRST_DAY, LAST_DAY, end_of, start_of
from matinee.landing.escapes import marked
from matinee.landing.parsing.judge import AHEAD, landed_fields
from matinee.landing.parsing.text import NO_TEXT
from matinee.landing.writing.parts import NAMES_COUNTED
from matinee.sources.files.read import HEAD_BYTES

_LINE = ("file", "line", "landed_ts", "payload", "is_long")
_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$"
_DAY = r"^\d{4}-\d{2}-\d{2}$"


def parse(lines: DataFrame, contract: Contract, max_bytes: Expression | int) -> DataFrame:
    """Return `file`, `line`, `landed_ts`, `reason` (null: good), `payload` (of bad ones), `unknown` (names of
    fields that the contract lacks), and the typed columns.

    Args:
        lines: `file`, `line` (long), `payload` (JSON), `landed_ts` (the received time of rows that state none).
        contract: of a raw dataset.
        max_bytes: of the longest record that is parsed; of a longer one the payload tells its length, hash and head.
    """
    fields = landed_fields(contract)
    lines = lines.withColumn("is_long", F.octet_length("payload") > max_bytes).withColumn("payload", _cut(max_bytes))
    # The parser ignores whatever follows the first JSON value of a line. So the line becomes the first of two elements
    # of an array, its hash the second: the hash is found there only if the line is one value and nothing else. No line
    # holds a hash of itself.
    end = F.xxhash64("payload")
    document = F.try_parse_json(F.concat(F.lit("["), marked("payload"), F.lit(","), end.cast("string"), F.lit("]")))
    documents = lines.select(*_LINE, document.alias("document"))
    is_one_value = F.is_valid_utf8("payload") & (F.try_variant_get("document", "$[1]", "long") == end)
    record = F.when(is_one_value, F.try_variant_get("document", "$[0]", "variant"))
    rows = documents.select(*_LINE, record.alias("record"))
    names = F.map_keys(F.try_variant_get("record", "$", "map<string,variant>")).alias("names")
    # One pass over the row finds all fields; looking each up by its path took three times as long.
    wanted = f"struct<{','.join(f'{field.name}:variant' for field in fields)}>"
    structs = rows.select(*_LINE, names, F.try_variant_get("record", "$", wanted).alias("found"))
    texts = structs.select(*_LINE, _unknown(fields), *(part for field in fields for part in _type_and_text(field)))
    types = [F.col(f"type_{field.name}") for field in fields]
    values = texts.select(*_LINE, "unknown", *types, *(_value(field) for field in fields))
    received = F.coalesce(F.col(RECEIVED), F.col("landed_ts"))
    columns = [received.alias(RECEIVED) if field.name == RECEIVED else F.col(field.name) for field in fields]
    judged = values.withColumn("reason", F.coalesce(*_reasons(contract, received)))
    return judged.select(
        "file",
        "line",
        "landed_ts",
        "reason",
        F.when(F.col("reason").isNotNull(), F.col("payload")).alias("payload"),
        "unknown",
        *columns,
        F.to_date(contract.event_time).alias(contract.day_column or ""),
    )


def _cut(max_bytes: Expression | int) -> Expression:
    """Return the payload; of one that is too long what `LongLine` keeps."""
    content = F.col("payload").cast("binary")
    head = F.substring(content, 1, HEAD_BYTES).cast("string")
    told = F.concat(F.octet_length("payload"), F.lit(" bytes, SHA-256 "), F.sha2(content, 256))
    cut = F.concat(told, F.lit(", begin with: "), head)
    return F.when(F.octet_length("payload") > max_bytes, cut).otherwise(F.col("payload"))


def _unknown(fields: Sequence[Column]) -> Expression:
    """Return the names that the contract lacks; null: the row is no object."""
    unknown = F.array_except("names", F.array(*(F.lit(field.name) for field in fields)))
    nested = [_prefixed(field, F.col(f"found.{field.name}")) for field in fields if field.fields or field.items]
    return (F.array_distinct(F.concat(unknown, *nested)) if nested else unknown).alias("unknown")


def unknown_fields(parsed: DataFrame) -> dict[str, int]:
    """Return how many parsed rows have fields that the contract lacks, by field; of very many the most frequent."""
    names = parsed.select(F.explode("unknown").alias("name")).groupBy("name").agg(F.count("*").alias("rows"))
    rows = names.orderBy(F.desc("rows"), "name").limit(NAMES_COUNTED).collect()
    return {row["name"]: row["rows"] for row in rows}


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
        # A time outside the calendar makes the row unreadable; a time after the landing cannot be when it was received.
        RECEIVED: F.when(can_be, F.col(RECEIVED)).otherwise(F.col("landed_ts")),
        "landing_seq": F.lit(landing_seq).cast("long"),
        # A line may be here because it is not UTF-8; the table's readers must be able to read it all the same.
        "payload": F.make_valid_utf8("payload"),
    }
    return parsed.where(F.col("reason").isNotNull()).select(
        *(own.get(name, F.col(name)).alias(name) for name in contract.column_names)
    )


def _type_and_text(field: Column) -> Iterator[Expression]:
    """Yield the name of a field's JSON type (null or VOID: no value) and its value, not yet checked."""
    value = F.col(f"found.{field.name}")
    yield F.schema_of_variant(value).alias(f"type_{field.name}")
    yield _text(field, value).alias(field.name)


def _text(column: Column, value: Expression) -> Expression:
    if column.items:
        return F.try_variant_get(value, "$", "array<variant>")
    if column.fields:
        wanted = ",".join(f"{field.name}:variant" for field in column.fields)
        return F.try_variant_get(value, "$", f"struct<{wanted}>")
    return F.try_variant_get(value, "$", "string" if column.type in {"timestamptz", "date"} else spark_type(column))


def _value(field: Column) -> Expression:
    """Return the field's value where its JSON type is right, else null."""
    return _typed(field, F.col(f"type_{field.name}"), F.col(field.name)).alias(field.name)


def _inner(column: Column, variant: Expression) -> Expression:
    return _typed(column, F.schema_of_variant(variant), _text(column, variant))


def _is_wrong(column: Column, variant: Expression) -> Expression:
    """Return whether an inner value has another type than its column, or is null where the column is required."""
    is_wrong = _inner(column, variant).isNull()
    return (
        is_wrong if column.required else is_wrong & (F.coalesce(F.schema_of_variant(variant), F.lit("VOID")) != "VOID")
    )


def _typed(column: Column, kind: Expression, value: Expression) -> Expression:
    """Return a value that was read where its JSON type is right, else null."""
    if column.items:
        is_wrong, inner = partial(_is_wrong, column.items), partial(_inner, column.items)
        return F.when(~F.exists(value, is_wrong), F.transform(value, inner))
    if column.fields:
        variants = [(field, value.getField(field.name)) for field in column.fields]
        is_wrong_one = reduce(Expression.__or__, (_is_wrong(field, variant) for field, variant in variants))
        fields = (_inner(field, variant).alias(field.name) for field, variant in variants)
        return F.when(value.isNotNull() & ~is_wrong_one, F.struct(*fields))
    if column.type == "string":
        is_right = (kind == "STRING") & ~F.contains(value, F.lit(NO_TEXT))
    elif column.type in {"timestamptz", "date"}:
        is_right = (kind == "STRING") & value.rlike(_INSTANT if column.type == "timestamptz" else _DAY)
        value = value.try_cast(spark_type(column))
    elif column.type == "double":
        is_right = kind.rlike("^(BIGINT|DECIMAL|DOUBLE)") & (F.abs(value) < float("inf"))
    else:
        is_right = kind == ("BOOLEAN" if column.type == "boolean" else "BIGINT")
    return F.when(is_right, value)


def _unknown_within(column: Column, variant: Expression) -> Expression:
    """Return the names within a value that its column lacks, each as a path: `address.zip`."""
    none = F.array().cast("array<string>")
    if column.items:
        items = F.transform(_text(column, variant), partial(_unknown_within, column.items))
        return F.coalesce(F.flatten(items), none)
    if not column.fields:
        return none
    names = F.map_keys(F.try_variant_get(variant, "$", "map<string,variant>"))
    unknown = F.array_except(names, F.array(*(F.lit(field.name) for field in column.fields)))
    held = _text(column, variant)
    deeper = (_prefixed(field, held.getField(field.name)) for field in column.fields if field.fields or field.items)
    return F.coalesce(F.concat(unknown, *deeper), none)


def _prefixed(column: Column, variant: Expression) -> Expression:
    return F.transform(_unknown_within(column, variant), lambda name: F.concat(F.lit(f"{column.name}."), name))


def _reasons(contract: Contract, received: Expression) -> Iterator[Expression]:
    yield _reason("line_too_long", F.col("is_long"))
    yield _reason("blank_line", F.col("payload").rlike(r"^\s*$"))
    is_object = F.col("unknown").isNotNull()
    yield _reason("array_of_objects", F.is_valid_utf8("payload") & F.col("payload").rlike(r"^\s*\[\s*\{"))
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
        # A blank identifier would merge all events that have none into one profile or title.
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
