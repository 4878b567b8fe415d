"""The fast path of lines: columns of the lines that compiled code proves good; other lines are left to the judge.

What is proven of a line: it is one JSON object, UTF-8 and without half a surrogate pair; no name stands twice in an
object at any depth; its fields have the types of the contract. The decoder ignores repeated and unknown names: the
number of quotes shows them, as each name and each text has two.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from matinee.contracts.column_types import is_list_of_scalars, within
from matinee.contracts.model import Column, Contract
from matinee.landing.parsing.judge import landed_fields
from matinee.landing.parsing.parsed import Proven
from matinee.landing.parsing.rules import Flags, Numbers, arrow_type, arrow_type_of, drop_wrong, flags, listed, times

if TYPE_CHECKING:
    import pyarrow as pa

#: Lines that are decoded at a time: their decoded rows stay in the processor's cache.
PIECE = 1024
#: Longer lines (bytes) and those with more brackets are never proven: the judge checks the limits of length and depth.
MAX_BYTES, MAX_BRACKETS = 1 << 14, 100
_LONG, _LONG_NUMBER = 1000, re.compile(rb"[-+.0-9eE]{1001}")
_NONCHARACTER = "\ufdd0".encode()
# The value of a field that its line lacks. Lines that hold this value themselves are never proven.
_NO_TEXT, _NO_NUMBER, _NO_REAL, _NO_FLAG = "\ufdd0", -(1 << 63), float("nan"), 2
_ABSENT = {"string": _NO_TEXT, "int64": _NO_NUMBER, "int8": _NO_FLAG}
_INT, _LONG_INT = (-(1 << 31), (1 << 31) - 1), (_NO_NUMBER + 1, (1 << 63) - 1)
_FLAG = {True: 1, False: 0, None: None, msgspec.UNSET: _NO_FLAG}
#: Items that are no texts: their lists have no quotes of their own.
_NO_TEXTS = frozenset({"int", "long", "double", "boolean"})


class Prover:
    """Proves lines of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._fields = landed_fields(contract)
        self._names = frozenset(field.name for field in self._fields)
        self._nested = [place for place, field in enumerate(self._fields) if within(field)]
        own = {f"field_{number}": field for number, field in enumerate(self._fields)}
        row = msgspec.defstruct(
            "Row",
            [(name, *_decoded_as(field)) for name, field in own.items()],
            rename={name: field.name for name, field in own.items()},
            gc=False,
        )
        # To read an attribute whose name is in a variable takes three times as long.
        self._values = [eval(f"lambda rows: [row.{name} for row in rows]") for name in own]  # noqa: S307 - names of our own
        # A line that cannot be decoded gets nulls: with absent fields, each column would be copied.
        self._decode, self._nothing = msgspec.json.Decoder(row).decode, row(*(None for _ in own))
        self._decode_any = msgspec.json.Decoder().decode

    def prove(self, lines: Sequence[bytes]) -> Proven:
        """Prove lines, each without its end."""
        columns, names = {}, np.zeros(len(lines), np.int64)
        decoded, failed, told_apart, quotes = self._columns(lines, names)
        good = np.ones(len(lines), bool)
        good[failed] = False
        for field, column in zip(self._fields, decoded, strict=True):
            columns[field.name] = _typed(field, column if within(field) else _present(column, names), good)
        proven = Proven(good, columns, {})
        for number in np.flatnonzero(good & _is_doubtful(lines, names, [*failed, *told_apart], quotes)).tolist():
            unknown = self._unknown(lines[number], 2 * int(names[number]))
            if unknown is None:
                good[number] = False
            elif unknown:
                proven.unknown[number] = unknown
        return proven

    def _columns(self, lines: Sequence[bytes], names: Numbers) -> "tuple[list[pa.Array], list[int], list[int], int]":
        """Return the fields of lines as columns, which lines cannot be decoded, which are odd, and all their quotes.

        The names and texts of lists and structs are added to `names`.
        """
        import pyarrow as pa

        pieces: list[list[pa.Array]] = []
        failed, odd, quotes = list[int](), list[int](), 0
        for first in range(0, len(lines), PIECE):
            piece = lines[first : first + PIECE]
            content = b"".join(piece)
            quotes += int(np.count_nonzero(np.frombuffer(content, np.uint8) == ord('"')))
            # These lines may hold an escape, or the mark of no text.
            if b"\\" in content or (_NONCHARACTER[:1] in content and _NONCHARACTER in content):
                odd += [place for place, line in enumerate(piece, first) if b"\\" in line or _NONCHARACTER in line]
            if max(map(len, piece)) > _LONG:
                piece = [line if _is_short(line) else b"" for line in piece]
            rows = self._decoded(piece, first, failed)
            field_values = [values(rows) for values in self._values]
            for place in self._nested:
                names[first : first + len(piece)] += _in_nested(self._fields[place], field_values[place])
            pieces.append([_array(field, values) for field, values in zip(self._fields, field_values, strict=True)])
        return [pa.concat_arrays(arrays) for arrays in zip(*pieces, strict=True)], failed, odd, quotes

    def _decoded(self, lines: Sequence[bytes], first: int, failed: list[int]) -> list[Any]:
        rows: list[Any] = []
        decoded = map(self._decode, lines)
        while len(rows) < len(lines):
            try:
                rows.extend(decoded)
            except (ValueError, RecursionError):
                failed.append(first + len(rows))
                rows.append(self._nothing)
        return rows

    def _unknown(self, line: bytes, known: int) -> list[str] | None:
        """Return the names of a line that the contract lacks; None: a name may stand twice, or a text be none.

        `known` is the number of quotes of the fields that were decoded.
        """
        quotes = _quotes(line)
        if quotes == known:
            return []
        if quotes is None or line.count(b"[") + line.count(b"{") > MAX_BRACKETS:
            return None
        try:
            row = self._decode_any(line)
        except (ValueError, RecursionError):
            return None
        return sorted(row.keys() - self._names) if 2 * _texts(row) == quotes else None


@cache
def prover_of(contract: Contract) -> Prover:
    """Return the prover of a contract's lines: one a process."""
    return Prover(contract)


def _decoded_as(field: Column) -> tuple[Any, Any]:
    """Return the type that a field is decoded as, and its value if a line lacks it."""
    kind = _kind_of(field)
    if field.type in {"boolean", "list", "struct"}:
        return kind | None | msgspec.UnsetType, msgspec.UNSET
    return kind | None, {"double": _NO_REAL, "int": _NO_NUMBER, "long": _NO_NUMBER}.get(field.type, _NO_TEXT)


def _kind_of(column: Column) -> Any:  # noqa: ANN401 - a type
    if within(column) and not is_list_of_scalars(column):
        return type(None)  # Other values are left to the judge.
    if column.items:
        item = _kind_of(column.items)
        return list[item if column.items.required else item | None]  # type: ignore[misc]
    least, most = _INT if column.type == "int" else _LONG_INT
    whole = Annotated[int, msgspec.Meta(ge=least, le=most)]
    return {"double": float, "boolean": bool, "int": whole, "long": whole}.get(column.type, str)


def _in_nested(field: Column, values: list[Any]) -> list[int]:
    """Return how many names and texts the lists or structs of a field are in their lines, with the field's own name."""
    if field.items and field.items.type in _NO_TEXTS:
        return [int(value is not msgspec.UNSET) for value in values]
    return [1 + len(value) - value.count(None) if value else int(value is not msgspec.UNSET) for value in values]


def _array(field: Column, values: list[Any]) -> "pa.Array":
    import pyarrow as pa

    known = {"double": pa.float64(), "int": pa.int64(), "long": pa.int64(), "boolean": pa.bool_()}
    if within(field):
        lists = [None if value is msgspec.UNSET else value for value in values]
        items = field.items if is_list_of_scalars(field) else None
        return pa.array(lists, pa.list_(known.get(items.type, pa.string())) if items else arrow_type_of(field))
    if field.type == "boolean":
        return pa.array([_FLAG[value] for value in values], pa.int8())
    return pa.array(values, known.get(field.type, pa.string()))


def _present(column: "pa.Array", names: Numbers) -> "pa.Array":
    """Return a decoded column with null where a line lacks the field; add its names and texts to `names`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = pa.types.is_string(column.type)
    absent = pc.is_nan(column) if pa.types.is_floating(column.type) else pc.equal(column, _ABSENT[str(column.type)])
    if absent.true_count == len(column):
        return pa.nulls(len(column), column.type)
    names += 1 + is_text
    if absent.true_count:
        names -= flags(absent) * np.int64(1 + is_text)
        present = pc.if_else(pc.fill_null(absent, False), None, column)
    else:
        present = column
    if is_text and column.null_count:
        names -= flags(column.is_null())
    return present


def _typed(field: Column, column: "pa.Array", good: Flags) -> "pa.Array":
    """Return a column by its contract's type; clear the flags of lines whose value may not be of that type."""
    import pyarrow.compute as pc

    if within(field) and not is_list_of_scalars(field):
        return column
    if field.items:
        items = column.flatten()
        are_right = np.ones(len(items), bool)
        typed = _typed(field.items, items, are_right)
        drop_wrong(column, are_right, good)
        return listed(column, typed)
    if field.type in {"timestamptz", "date"} and column.null_count < len(column):
        typed = times(column, field.type)
        if typed.null_count > column.null_count:
            good &= flags(pc.equal(column.is_null(), typed.is_null()))
        return typed
    return pc.add(column, 0.0) if field.type == "double" else column.cast(arrow_type(field.type))


def _is_short(line: bytes) -> bool:
    return len(line) <= _LONG or (len(line) <= MAX_BYTES and _LONG_NUMBER.search(line) is None)


def _is_doubtful(lines: Sequence[bytes], names: Numbers, apart: Sequence[int], quotes: int) -> Flags:
    """Return which lines have more quotes than their fields' names and texts.

    `apart` are lines whose quotes tell nothing, each doubtful; `quotes` is how many all lines have.
    """
    plain: Flags = np.ones(len(lines), bool)
    plain[list(apart)] = False
    left = quotes - sum(lines[place].count(b'"') for place in {*apart})
    # No other line has fewer quotes than its fields need: if the total is right, each line's number is.
    doubtful: Flags = ~plain
    if left != 2 * names[plain].sum():
        doubtful |= np.fromiter((line.count(b'"') for line in lines), np.int64, len(lines)) != 2 * names
    return doubtful


def _quotes(line: bytes) -> int | None:
    """Return how many quotes a line has that are no part of a text; None: it may hold the mark of no text."""
    if _NONCHARACTER in line:
        return None
    if b"\\" in line:
        if b"\\ufdd0" in line.lower():
            return None
        line = line.replace(b"\\\\", b"").replace(b'\\"', b"")
    return line.count(b'"')


def _texts(value: Any) -> int:  # noqa: ANN401 - an object or array, as it was decoded
    """Return how many names and texts an object or array has, at any depth."""
    count, values = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for inner in values:
        if isinstance(inner, str):
            count += 1
        elif isinstance(inner, dict | list):
            count += _texts(inner)
    return count
