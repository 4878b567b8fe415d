"""A contract as a pandera schema, for frames that fit memory: landing samples, test expectations, small sources.

Full volumes are checked by `matinee.contracts.checks`, in one aggregate query.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from matinee.contracts.model import Column, Contract
from matinee.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

# Nullable integers have pandas types of their own: a null must not turn the others into floats.
_DTYPES = {
    "int": "Int32",
    "long": "Int64",
    "double": "float64",
    "boolean": "boolean",
    "timestamptz": "datetime64[us, UTC]",
}
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "long": (int,),
    "double": (float, int),
    "boolean": (bool,),
    "date": (date,),
    "timestamptz": (datetime,),
    "list": (list,),
    "struct": (dict,),
}


def pandera_schema(contract: Contract) -> "pa.DataFrameSchema":
    """Return the schema of a pandas frame of the dataset: columns in order, no others.

    Columns: string as text, int `Int32`, long `Int64`, double `float64`, boolean `boolean`, date as
    `datetime.date`, timestamptz `datetime64[us, UTC]`. Numbers and timestamps are coerced where nothing is lost
    (naive timestamps count as UTC); text and dates are not. Validating raises pandera's SchemaError; lazily,
    SchemaErrors with all faults.
    """
    import pandera.pandas as pa

    day = [contract.day_column] if contract.day_column else []
    keys = [[column.name] for column in contract.columns if column.unique]
    keys = [list(contract.key_columns), *keys] if contract.key_columns else keys
    return pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in contract.columns},
        checks=[_unique_check([*day, *(name for name in key if name not in day)]) for key in keys],
        name=contract.dataset,
        strict=True,
        ordered=True,
    )


def expected_frame(contract: Contract, rows: Sequence[Mapping[str, object]]) -> "pd.DataFrame":
    """Return literal rows as a valid frame of the dataset: what a test expects, or a sample of a landed file.

    Values are Python's own: str, int, float, bool, date and datetime with a time zone. Optional columns may be left
    out of a row and are then null.

    Raises:
        ContractError: a row has a column that the contract does not know, or values break the contract.
    """
    import pandas as pd
    import pandera.errors

    known = set(contract.column_names)
    for position, row in enumerate(rows):
        if stray := sorted(set(row) - known):
            raise _broken(contract, f"row {position} has {', '.join(stray)}, which it does not declare")
    frame = pd.DataFrame({
        column.name: _series(contract, column, [row.get(column.name) for row in rows]) for column in contract.columns
    })  # fmt: skip
    try:
        valid: pd.DataFrame = pandera_schema(contract).validate(frame, lazy=True)
        return valid
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases.head(5)
        reasons = "; ".join(f"{case.column}: {case.check} ({case.failure_case})" for case in cases.itertuples())
        raise _broken(contract, reasons) from error


def _pandera_column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    checks = []
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum))
    if column.maximum is not None:
        checks.append(pa.Check.le(column.maximum))
    if column.enum:
        checks.append(pa.Check.isin(column.enum))
    kind = _DTYPES.get(column.type)
    if kind is None:
        # Coercion would hide a number in a text column: "7" and 7 are not the same identifier.
        checks.insert(0, _instance_check(column))
    return pa.Column(kind, checks=checks, nullable=not column.required, coerce=kind is not None, description=column.doc)


def _instance_check(column: Column) -> "pa.Check":
    import pandera.pandas as pa

    def is_of_kind(value: object) -> bool:
        return _is_of_kind(column, value)

    return pa.Check(is_of_kind, element_wise=True, ignore_na=True, name=f"is_{column.type}")


def _is_of_kind(column: Column, value: object) -> bool:
    if type(value) not in _PYTHON_TYPES[column.type]:
        return False
    held = [(column.items, item) for item in value] if column.items and isinstance(value, list) else []
    if isinstance(value, dict):
        if value.keys() - {field.name for field in column.fields}:
            return False
        held = [(field, value.get(field.name)) for field in column.fields]
    return all(not inner.required if part is None else _is_of_kind(inner, part) for inner, part in held)


def _unique_check(names: list[str]) -> "pa.Check":
    import pandera.pandas as pa

    def is_unique(frame: "pd.DataFrame") -> "pd.Series[bool]":
        return ~frame.duplicated(names, keep=False)

    return pa.Check(is_unique, name=f"unique_{'_'.join(names)}")


def _series(contract: Contract, column: Column, values: list[object]) -> "pd.Series":
    import pandas as pd

    for value in values:
        # Neither pandas nor Arrow can be asked: both would turn 1.5 into a whole number, or True into 1.
        if value is not None and not _is_of_kind(column, value):
            raise _broken(contract, f"{column.name}: {value!r} is not of type {column.type}")
        if isinstance(value, datetime) and value.tzinfo is None:
            raise _broken(contract, f"{column.name}: {value!r} has no time zone")
    try:
        return pd.Series(values, dtype=_DTYPES.get(column.type, "object"))
    except (OverflowError, TypeError) as error:
        raise _broken(contract, f"{column.name}: a value does not fit {column.type}") from error


def _broken(contract: Contract, reason: str) -> ContractError:
    return ContractError(
        f"The rows do not keep the contract of {contract.dataset}: {reason}.",
        next_step="Correct the rows, or the contract if they are right.",
        facts={"dataset": contract.dataset, "reason": reason},
    )
