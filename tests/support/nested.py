"""Contracts whose columns hold lists and structs, with and without nulls."""

from dataclasses import replace

from matinee.contracts.column_types import ITEM, SCALAR_TYPES
from matinee.contracts.model import Column, Contract


def list_of(name: str, kind: str, *, required: bool = False, nulls: bool = False) -> Column:
    """A column of lists; `nulls`: their items may be null."""
    return Column(name, "list", required=required, doc="", items=Column(ITEM, kind, required=not nulls, doc=""))


def with_lists(contract: Contract) -> Contract:
    """The contract as `raw.lists`, with the column `texts` that is required, and two for each type of items.

    Items of `ints0` may be null, items of `ints1` may not.
    """
    lists = [list_of(f"{kind}s{number}", kind, nulls=number == 0) for kind in SCALAR_TYPES for number in (0, 1)]
    columns = (*contract.columns, list_of("texts", "string", required=True), *lists)
    return replace(contract, dataset="raw.lists", columns=columns)


def field(
    name: str, kind: str, *, required: bool = False, items: Column | None = None, fields: tuple[Column, ...] = ()
) -> Column:
    """A column, or a field within a column."""
    return Column(name, kind, required=required, doc="", items=items, fields=fields)


def with_structs(contract: Contract) -> Contract:
    """The contract as `raw.structs`, with a struct that holds lists, lists of structs, and lists of lists."""
    place = (field("country", "string", required=True), field("zip", "int"), list_of("seen", "timestamptz", nulls=True))
    step = (field("name", "string", required=True), field("day", "date"), field("took_s", "double"))
    steps = field(ITEM, "struct", required=True, fields=step)
    row = field(ITEM, "list", items=field(ITEM, "long", required=True))
    nested = (
        field("place", "struct", fields=place),
        field("steps", "list", items=steps),
        field("grid", "list", items=row),
    )
    return replace(contract, dataset="raw.structs", columns=(*contract.columns, *nested))
