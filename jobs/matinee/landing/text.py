"""What is no text: bytes and escapes that stand for no characters. The engine would make the same `?` of all."""

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StructType

#: Stands where no characters do: noncharacters, which no producer sends, around words.
NO_TEXT = "\ufdd0no text\ufdd0"
_PAIR = "\ufdd1"
_HIGH, _LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
#: A backslash that an even number of others stands before: it begins an escape, the others are pairs of their own.
_ESCAPE = r"((?<!\\)(?:\\\\)*+)\\u"


def readable(value: Column, kind: DataType) -> Column:
    """Return a value with each of its byte arrays as the text that they are in UTF-8, else as NO_TEXT and Base64.

    Parquet writes text as bytes, and not every producer marks them as text.
    """
    if isinstance(kind, BinaryType):
        text = value.cast("string")
        return F.when(F.is_valid_utf8(text), text).otherwise(F.concat(F.lit(NO_TEXT), F.base64(value)))
    if isinstance(kind, ArrayType):
        return F.transform(value, lambda one: readable(one, kind.elementType))
    if isinstance(kind, MapType):
        keys = F.transform_keys(value, lambda key, _: readable(key, kind.keyType))
        return F.transform_values(keys, lambda _, one: readable(one, kind.valueType))
    if isinstance(kind, StructType):
        fields = (readable(value.getField(one.name), one.dataType).alias(one.name) for one in kind.fields)
        return F.when(value.isNotNull(), F.struct(*fields))
    return value


def marked(json: str) -> Column:
    """Return a column of JSON with NO_TEXT for each escape of half a surrogate pair; whole pairs stay as they are."""
    column = F.col(json)
    kept = F.regexp_replace(column, rf"{_ESCAPE}({_HIGH})\\u({_LOW})", f"$1{_PAIR}$2$3")
    without_halves = F.regexp_replace(kept, rf"{_ESCAPE}(?:{_HIGH}|{_LOW})", f"$1{NO_TEXT}")
    found = F.regexp_replace(without_halves, rf"{_PAIR}({_HIGH})({_LOW})", r"\\u$1\\u$2")
    # Hardly a line has such escapes, and to look for a few bytes costs next to nothing.
    has_escapes = F.contains(column, F.lit("\\ud")) | F.contains(column, F.lit("\\uD"))
    return F.when(has_escapes, found).otherwise(column)
