"""Rows of Parquet as parsed rows: columns that hold what the contract wants are taken whole, all else as JSON text.

A column of another type than the contract's, or a value that may break a rule, is judged as JSON.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from matinee.contracts.column_types import is_list_of_scalars
from matinee.contracts.model import Column, Contract
from matinee.landing.parsing.judge import landed_fields
from matinee.landing.parsing.parsed import Proven, about_rows, put_together
from matinee.landing.parsing.row_text import holds_bytes, row_texts
from matinee.landing.parsing.rules import Flags, Numbers, arrow_type, arrow_type_of, drop_wrong, flags, listed, times
from matinee.landing.parsing.text import MAX_TEXT, text_of

if TYPE_CHECKING:
    import pyarrow as pa

_NONCHARACTER = "\ufdd0"
#: The years 1000 to 2999, in days since 1970: other years are left to the judge.
_FIRST_DAY, _END_DAY = -354_285, 376_200
_A_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


def parse_rows(
    contract: Contract, file: str, rows: "pa.RecordBatch", first_row: int, landed_at: datetime
) -> "pa.RecordBatch":
    """Return rows of one file as parsed rows.

    Args:
        contract: of a raw dataset.
        file: where they stand.
        rows: with the columns of the file.
        first_row: the number of the first of them.
        landed_at: the received time of rows that state none.
    """
    return parse_numbered_rows(contract, about_rows(file, first_row, rows.num_rows, landed_at), rows)


def parse_numbered_rows(contract: Contract, about: "pa.RecordBatch", rows: "pa.RecordBatch") -> "pa.RecordBatch":
    """Return rows as parsed rows; `about` has `file`, `line`, `landed_ts` and `is_open` (false) of each."""
    import pyarrow as pa

    def texts(places: Sequence[int]) -> list[bytes]:
        try:
            return row_texts(rows.take(list(places)))
        except pa.ArrowNotImplementedError:
            # PyArrow cannot take values out of columns of text views yet.
            all_texts = row_texts(rows)
            return [all_texts[place] for place in places]

    return put_together(contract, about, _proven(contract, rows), texts)


def _proven(contract: Contract, rows: "pa.RecordBatch") -> Proven:
    import pyarrow as pa

    names = rows.schema.names
    # A name that occurs twice would give one field two values.
    good = np.full(rows.num_rows, len(set(names)) == len(names))
    columns = {}
    for field in landed_fields(contract):
        if names.count(field.name) == 1:
            columns[field.name], is_right = _taken(field, _stored(rows[field.name]))
            good &= is_right
        else:
            columns[field.name] = pa.nulls(rows.num_rows, arrow_type_of(field))
    others = [place for place, name in enumerate(names) if name not in columns]
    for place in others:
        if _may_repeat_names(rows.schema.field(place).type):
            good &= flags(rows.column(place).is_null())
    return Proven(good, columns, _unknown(rows, others))


def _unknown(rows: "pa.RecordBatch", places: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of the columns at some places in which each row has a value, of the rows that have some."""
    order = sorted(places, key=lambda place: rows.schema.names[place])
    if not order or not rows.num_rows:
        return {}
    there = np.stack([flags(rows.column(place).is_valid()) for place in order], axis=1)
    kinds, kind_of = np.unique(there, axis=0, return_inverse=True)
    names = [[rows.schema.names[place] for place in np.array(order)[kind]] for kind in kinds]
    return {row: names[kind] for row, kind in enumerate(kind_of.ravel().tolist()) if names[kind]}


def _stored(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        return _stored(column.storage)
    is_of_texts = pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) and not is_of_texts else column


def _taken(field: Column, column: "pa.Array") -> "tuple[pa.Array, Flags]":
    """Return a column by the contract's type, null where its values may have none; and which rows are surely right."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        return _taken_once(field, column)
    kind = column.type
    typed = pa.nulls(len(column), arrow_type_of(field))
    if field.items and is_list_of_scalars(field) and _is_list(kind):
        return _taken_lists(field.items, column)
    if holds_bytes(kind) and field.type in {"string", "timestamptz", "date"}:
        typed = _texts(column) if field.type == "string" else times(_texts(column), field.type)
    elif field.type == "timestamptz" and kinds.is_timestamp(kind):
        typed = _instants(column)
    elif field.type in {"int", "long"} and kinds.is_integer(kind):
        typed = _cast(column, arrow_type(field.type))
    elif field.type == "double" and (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)):
        typed = _reals(column)
    elif (field.type == "boolean" and kinds.is_boolean(kind)) or (field.type == "date" and kinds.is_date32(kind)):
        typed = column
    return typed, flags(column.is_null()) | flags(typed.is_valid())


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow.types as kinds

    return any(is_kind(kind) for is_kind in (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list))


def _taken_lists(items: Column, column: "pa.Array") -> "tuple[pa.Array, Flags]":
    """Return what `_taken` returns, for lists: a list is surely right if each of its items is."""
    import pyarrow as pa

    taken, are_right = _taken(items, _stored(column.flatten()))
    if items.required:
        are_right = are_right & flags(taken.is_valid())
    if pa.types.is_dictionary(taken.type):
        taken = taken.dictionary_decode()
    is_right = np.ones(len(column), bool)
    drop_wrong(column, are_right, is_right)
    return listed(column, taken), is_right


def _taken_once(field: Column, column: "pa.DictionaryArray") -> "tuple[pa.Array, Flags]":
    """Return what `_taken` returns, for repeated texts: each is judged once; a column of texts stays a dictionary."""
    import pyarrow as pa

    texts, are_right = _taken(field, column.dictionary)
    if field.type != "string" or column.dictionary.null_count or not are_right.all():
        typed, is_right = _taken(field, column.dictionary_decode())
        return typed.dictionary_encode() if field.type == "string" else typed, is_right
    indices = column.indices.cast(pa.int32())
    return pa.DictionaryArray.from_arrays(indices, texts), np.ones(len(column), bool)


def _cast(column: "pa.Array", kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        # A value does not fit: the judge finds which.
        return pa.nulls(len(column), kind)


def _texts(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    content = column.cast(pa.binary())
    try:
        texts = content.cast(pa.string())
    except pa.ArrowInvalid:
        texts = pa.array([None if value is None else text_of(value) for value in content.to_pylist()], pa.string())
    if not _may_be_odd(texts):
        return texts
    is_odd = pc.or_(pc.match_substring(texts, _NONCHARACTER), pc.greater(pc.binary_length(texts), MAX_TEXT))
    return pc.if_else(is_odd, None, texts) if is_odd.true_count else texts


def _may_be_odd(texts: "pa.Array") -> bool:
    """Whether a text may hold a noncharacter or be too long: most columns have neither the bytes nor the length."""
    content = texts.buffers()[2]
    if not content or not content.size:
        return False
    return content.size > MAX_TEXT or bool((np.frombuffer(content, np.uint8) == _NONCHARACTER.encode()[0]).any())


def _reals(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if kinds.is_float32(column.type) or kinds.is_decimal(column.type):
        # The cast goes by way of text: 0.1 is to stay 0.1.
        column = column.cast(pa.string())
    reals = column.cast(pa.float64(), safe=False)
    # Minus zero is zero.
    return pc.if_else(pc.is_finite(reals), pc.add(reals, 0.0), None)


def _instants(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    unit = column.type.unit
    ticks: Numbers = column.cast(pa.int64()).fill_null(0).to_numpy()
    days = ticks // _A_DAY[unit]
    is_right = flags(column.is_valid()) & (days >= _FIRST_DAY) & (days < _END_DAY)
    micros = ticks // 1000 if unit == "ns" else np.where(is_right, ticks, 0) * (_A_DAY["us"] // _A_DAY[unit])
    return pa.array(micros, arrow_type("timestamptz"), mask=~is_right)


def _may_repeat_names(kind: "pa.DataType") -> bool:
    """Whether a value of a type may hold an object that has a name twice."""
    import pyarrow.types as kinds

    inner = [kind.field(number) for number in range(kind.num_fields)]
    if kinds.is_struct(kind) and len({field.name for field in inner}) < len(inner):
        return True
    return kinds.is_map(kind) or kinds.is_union(kind) or any(_may_repeat_names(field.type) for field in inner)
