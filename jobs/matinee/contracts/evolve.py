"""Bringing a table to its contract: what Iceberg can apply without rewriting a file, and refusal of the rest.

Iceberg knows columns by number, so files written before a column was added, renamed or widened still read right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from matinee.contracts.ddl import BUCKETS, BUCKETS_OF, iceberg_type, table_properties
from matinee.contracts.model import Column, Contract
from matinee.errors import CommitConflictError, ContractError

if TYPE_CHECKING:
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.update.schema import UpdateSchema
    from pyiceberg.types import IcebergType, NestedField

Kind = Literal["add", "rename", "widen", "relax", "doc", "move", "sort", "property"]


@dataclass(frozen=True)
class Change:
    """One safe change of a table; `name` is the column in the contract, the property, or the dataset (sort)."""

    kind: Kind
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


def plan(contract: Contract, table: "Table") -> tuple[Change, ...]:
    """Return the changes that bring the table to its contract; empty where the table follows it already.

    Raises:
        ContractError: the contract asks for what Iceberg cannot apply safely: a column dropped, narrowed or newly
            required, or another partitioning.
    """
    fields = {field.name: field for field in table.schema().fields}
    field_of = {c.name: fields.get(c.name) or fields.get(c.previous_name or "") for c in contract.columns}
    names = {field.name: name for name, field in field_of.items() if field is not None}
    for field in fields.values():
        if field.name not in names:
            hint = f"Put {field.name} back; if it has another name now, give that column previousName: {field.name}."
            raise _refused(contract, field.name, "is dropped: its values would be lost", hint)
    _refuse_partitioning(contract, table, names)
    _refuse_old_names(contract, table, [name for name, field in field_of.items() if field is None])
    return (
        *(change for column in contract.columns for change in _column(contract, column, field_of[column.name])),
        *_moves(contract, [names[field] for field in fields]),
        *_sorting(contract, table, names),
        *_properties(contract, table),
    )


def apply(contract: Contract, table: "Table") -> tuple[Change, ...]:
    """Bring the table to its contract in one commit that touches no data file, and return what was changed.

    Raises:
        ContractError: see `plan`; nothing was changed.
        CommitConflictError: another change of the table came between; nothing was changed.
    """
    from pyiceberg.exceptions import CommitFailedException

    changes = plan(contract, table)
    if not changes:
        return ()
    try:
        with table.transaction() as transaction:
            _stage(contract, changes, transaction)
    except CommitFailedException as error:
        raise CommitConflictError(
            f"Another change of {contract.dataset} came between.",
            next_step="Apply the contract again.",
            facts={"dataset": contract.dataset},
        ) from error
    return changes


def _column(contract: Contract, column: Column, field: "NestedField | None") -> Iterator[Change]:
    if field is None:
        if column.required:
            hint = f"Declare {column.name} without required: the rows that are there have no value for it."
            raise _refused(contract, column.name, "is added as a required column", hint)
        yield Change("add", column.name, "", _shown(iceberg_type(column)))
        return
    if field.name != column.name:
        yield Change("rename", column.name, field.name, column.name)
    before, after = _shown(field.field_type), _shown(iceberg_type(column))
    if before != after:
        _refuse_narrowing(contract, column, field)
        yield Change("widen", column.name, before, after)
    if column.required and not field.required:
        hint = f"Leave {column.name} optional, and let an audit report the rows without a value."
        raise _refused(contract, column.name, "becomes required, and rows that are there may have no value", hint)
    if field.required and not column.required:
        yield Change("relax", column.name, "required", "optional")
    if (field.doc or "") != column.doc:
        yield Change("doc", column.name, field.doc or "", column.doc)


def _refuse_narrowing(contract: Contract, column: Column, field: "NestedField") -> None:
    from pyiceberg.exceptions import ResolveError
    from pyiceberg.schema import promote

    before, after = _shown(field.field_type), _shown(iceberg_type(column))
    try:
        promote(field.field_type, iceberg_type(column))
    except ResolveError as error:
        hint = f"Keep {column.name} as {before} and add a column of type {after} under another name."
        what = f"cannot become {after}: its {before} values would not all fit"
        raise _refused(contract, column.name, what, hint) from error


def _shown(kind: "IcebergType") -> str:
    """Return a type as text, with the types within it and whether they may be null."""
    from pyiceberg.types import ListType, StructType

    def within(kind: "IcebergType", required: bool) -> str:
        return f"{_shown(kind)}{'' if required else ' or null'}"

    if isinstance(kind, ListType):
        return f"list<{within(kind.element_type, kind.element_required)}>"
    if isinstance(kind, StructType):
        return f"struct<{', '.join(f'{part.name}: {within(part.field_type, part.required)}' for part in kind.fields)}>"
    return str(kind)


def _refuse_old_names(contract: Contract, table: "Table", added: list[str]) -> None:
    # Staged files are read by names: a new column of an old name would take the values of the old column.
    old = {name for field in table.name_mapping() or () for name in field.names}
    for name in added:
        if name in old:
            hint = f"Give the new column a name that no column of {contract.dataset} has had."
            raise _refused(contract, name, "is added under a name that another column had", hint)


def _refuse_partitioning(contract: Contract, table: "Table", names: Mapping[str, str]) -> None:
    schema = table.schema()
    present = [(names[schema.find_field(f.source_id).name], str(f.transform)) for f in table.spec().fields]
    wanted = [(field.column, field.transform) for field in contract.partitions]
    if present != wanted:
        column = next((name for name, _ in {*present} ^ {*wanted}), present[0][0] if present else wanted[0][0])
        text = ", ".join(f"{transform}({name})" for name, transform in present) or "nothing"
        hint = f"Keep the partitioning by {text}, or declare a new dataset and backfill it."
        raise _refused(contract, column, "changes the partitioning: days and cells could not be overwritten", hint)


def _moves(contract: Contract, order: list[str]) -> Iterator[Change]:
    # Added columns go to the end first, as Iceberg puts them; the contract may want them elsewhere.
    order = [*order, *(name for name in contract.column_names if name not in order)]
    for position, name in enumerate(contract.column_names):
        if order[position] != name:
            before = order[order.index(name) - 1]
            order.remove(name)
            order.insert(position, name)
            yield Change("move", name, f"after {before}", f"after {order[position - 1]}" if position else "first")


def _sorting(contract: Contract, table: "Table", names: Mapping[str, str]) -> Iterator[Change]:
    schema = table.schema()
    present = tuple(names[schema.find_field(field.source_id).name] for field in table.sort_order().fields)
    if present and not contract.sort_order:
        # PyIceberg 0.12 cannot set a table back to unsorted.
        raise _refused(
            contract, present[0], "is no longer sorted by", f"Keep sortOrder: {list(present)}, or state another."
        )
    if present != contract.sort_order:
        yield Change("sort", contract.dataset, ", ".join(present), ", ".join(contract.sort_order))


def _properties(contract: Contract, table: "Table") -> Iterator[Change]:
    wanted = {name: value for name, value in table_properties(contract).items() if name != "format-version"}
    if BUCKETS in table.properties:
        _refuse_cells(contract, table.properties)
        if contract.transform is not None or contract.is_live:
            # For days whose publication records no number; of a live table, until its days are derived again.
            del wanted[BUCKETS]
    for name, value in wanted.items():
        if table.properties.get(name) != value:
            yield Change("property", name, table.properties.get(name, ""), value)


def _refuse_cells(contract: Contract, properties: Mapping[str, str]) -> None:
    number, of = properties[BUCKETS], properties.get(BUCKETS_OF, contract.cells.of)
    if of != contract.cells.of:
        what, known, stated = "column", of, contract.cells.of
    elif (contract.is_landed or contract.kind == "register") and number != str(contract.cells.buckets):
        what, known, stated = "number", number, str(contract.cells.buckets)  # No backfill writes its days again.
    else:
        return
    raise ContractError(
        f"The {what} of the buckets of {contract.dataset} is {known} in its table, {stated} in its contract.",
        next_step=f"Keep {known} in its cells; for another {what} derive a new dataset from the same inputs.",
        facts={"dataset": contract.dataset, "version": contract.version},
    )


def _stage(contract: Contract, changes: tuple[Change, ...], transaction: "Transaction") -> None:
    from pyiceberg.table.sorting import NullOrder
    from pyiceberg.transforms import IdentityTransform

    columns = [change for change in changes if change.kind not in {"sort", "property"}]
    if columns:
        with transaction.update_schema() as update:
            _stage_columns(contract, columns, update)
    if any(change.kind == "sort" for change in changes):
        with transaction.update_sort_order() as order:
            for name in contract.sort_order:
                order.asc(name, IdentityTransform(), NullOrder.NULLS_FIRST)
    properties = {change.name: change.after for change in changes if change.kind == "property"}
    if properties:
        transaction.set_properties(properties)


def _stage_columns(contract: Contract, changes: list[Change], update: "UpdateSchema") -> None:
    columns = {column.name: column for column in contract.columns}
    # PyIceberg looks columns up by the name they had before this commit.
    known = {change.name: change.before for change in changes if change.kind == "rename"}
    for change in changes:
        name = known.get(change.name, change.name)
        match change.kind:
            case "add":
                update.add_column(name, iceberg_type(columns[change.name]), doc=columns[change.name].doc)
            case "rename":
                update.rename_column(name, change.after)
            case "widen":
                update.update_column(name, field_type=iceberg_type(columns[change.name]))
            case "relax":
                update.make_column_optional(name)
            case "doc":
                update.update_column(name, doc=change.after)
            case _:
                place = change.after.removeprefix("after ")
                if change.after == "first":
                    update.move_first(name)
                else:
                    update.move_after(name, known.get(place, place))


def _refused(contract: Contract, column: str, what: str, hint: str) -> ContractError:
    return ContractError(
        f"The table of {contract.dataset} cannot follow its contract: column {column} {what}.",
        next_step=hint,
        facts={"dataset": contract.dataset, "column": column, "version": contract.version},
    )
