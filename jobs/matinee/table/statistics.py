"""Column statistics of data files, as proof: a check that they prove needs no scan.

Writers count nulls exactly, and no value lies outside the bounds they state; a bound may be wider than the values, so
that statistics can prove that a check holds but never that it fails. Floating-point columns are left to the scan:
bounds ignore NaN.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from matinee.contracts.checks import compile_checks
from matinee.contracts.model import Column, Contract

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.types import NestedField

_WHOLE = ("int", "long")


def proven_checks(contract: Contract, table: "Table", files: Iterable["DataFile"]) -> frozenset[str]:
    """Return the names of the contract's null and range checks that the statistics of every file prove to hold."""
    known = {field.name: field for field in table.schema().fields}
    columns = {column.name: column for column in contract.columns if column.name in known}
    listed = list(files)
    return frozenset(
        check.name
        for check in compile_checks(contract).checks
        if check.kind in ("null", "range")
        and check.column in columns
        and all(_kept(check.kind, columns[check.column], known[check.column], file) for file in listed)
    )


def _kept(kind: str, column: Column, field: "NestedField", file: "DataFile") -> bool:
    nulls = (file.null_value_counts or {}).get(field.field_id)
    if kind == "null":
        return nulls == 0
    return nulls == file.record_count or _within(column, field, file)


def _within(column: Column, field: "NestedField", file: "DataFile") -> bool:
    bounds = ((file.lower_bounds or {}).get(field.field_id), (file.upper_bounds or {}).get(field.field_id))
    if column.type not in _WHOLE or not all(bounds):
        return False
    # Little-endian, of the width that the column had when the file was written.
    least, greatest = (int.from_bytes(bound or b"", "little", signed=True) for bound in bounds)
    return (column.minimum is None or least >= column.minimum) and (
        column.maximum is None or greatest <= column.maximum
    )
