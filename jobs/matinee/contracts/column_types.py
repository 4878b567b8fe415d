"""The types of columns by their names in contracts, and what contracts may say of lists."""

from collections.abc import Iterator

from matinee.contracts.document import Piece, Place
from matinee.contracts.model import Column, Contract

#: ODCS's logical type by Iceberg type, for types that hold no others.
_SCALARS = {
    "string": "string",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamptz": "timestamp",
}
#: The same for all types that a column, or a part of a column, may have.
LOGICAL_TYPES = {**_SCALARS, "list": "array", "struct": "object"}
SCALAR_TYPES, COLUMN_TYPES = tuple(_SCALARS), tuple(LOGICAL_TYPES)
#: Iceberg's name of the items of a list.
ITEM = "element"
#: The keys that a contract may have for parts of a column: no others are checked.
_SAID_WITHIN = frozenset({"name", "logicalType", "physicalType", "required", "description", "items", "properties"})


def within(column: Column) -> tuple[Column, ...]:
    """Return what is within a column: the items of a list, the fields of a struct, nothing of a scalar."""
    return (column.items,) if column.items else column.fields


def holds_doubles(column: Column) -> bool:
    """Whether a column is of type double, or holds such values at any depth."""
    return column.type == "double" or any(map(holds_doubles, within(column)))


def is_list_of_scalars(column: Column) -> bool:
    """Whether a column holds lists, and these hold neither lists nor structs."""
    return column.items is not None and column.items.type in SCALAR_TYPES


def nested_faults(contract: Contract, columns: Piece, sort_order: Place) -> Iterator[tuple[Place, str]]:
    """Yield place and reason of each statement on lists and structs that a contract must not make.

    Args:
        contract: the contract of the dataset.
        columns: the properties of the dataset in the document.
        sort_order: the place of the sort order in the document.
    """
    for column, piece in zip(contract.columns, columns.items(), strict=True):
        if not within(column):
            continue
        yield from _faults_within(column, piece)
        for flag in ("primaryKey", "unique", "partitioned"):
            stated = piece.find(flag)
            if stated and stated.flag():
                yield stated.place, f"column {column.name} is a {column.type}, and no {column.type} is {flag}"
        if column.name in contract.sort_order:
            yield sort_order, f"sortOrder names {column.name}, a {column.type}: rows have no order by it"


def _faults_within(column: Column, piece: Piece) -> Iterator[tuple[Place, str]]:
    pieces = [piece.get("items")] if column.items else [*piece.get("properties").items()]
    names = [inner.name for inner in within(column)]
    for position, (inner, stated) in enumerate(zip(within(column), pieces, strict=True)):
        if inner.name in names[:position]:
            yield (*stated.place, "name"), f"field {inner.name} is declared twice"
        logical = stated.find("logicalType")
        if logical is None or logical.value != LOGICAL_TYPES[inner.type]:
            yield (*stated.place, "logicalType"), f"what is of type {inner.type} is {LOGICAL_TYPES[inner.type]}"
        for name, said in stated.entries():
            if name not in _SAID_WITHIN:
                yield said.place, f"{name} is not checked within a column: write an audit"
        yield from _faults_within(inner, stated) if within(inner) else ()
