"""A contract's checks as ONE query for full volumes: a bigint column per check, the number of bad rows.

What the statistics of the data files already prove is left out of it. A key that repeats is looked for by its 64-bit
hash; only where a hash repeats are the keys themselves compared, by a query of their own.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

from matinee.contracts.ddl import SPARK_TYPES
from matinee.contracts.model import Column, Contract, VolumeBand

#: The temporary view that holds the days under audit of the dataset under audit.
CANDIDATE = "candidate"


@dataclass(frozen=True)
class Check:
    """One check; `name` is the result's column, `column` what it looks at (None: the table), `kind` what it asks.

    A bad row of kind `unique` is one beyond the first of its key; one of kind `volume` is a day. `exact` is the query
    that counts the bad rows of a check whose column in the one query may only say "some".
    """

    name: str
    column: str | None
    kind: Literal["schema", "null", "range", "enum", "unique", "volume"]
    severity: Literal["blocking", "warning"]
    exact: str | None = None


@dataclass(frozen=True)
class CompiledChecks:
    """The query over the view `candidate`, what its columns mean, in their order, and what need not be asked."""

    sql: str
    checks: tuple[Check, ...]
    proven: tuple[Check, ...] = ()


def compile_checks(contract: Contract, proven: Container[str] = ()) -> CompiledChecks:
    """Return the contract's checks as one query with one row; every value is 0 where the contract is kept.

    A column that the table lacks makes the query itself fail: nothing could be said about its rows.

    Args:
        proven: names of the checks that are known to be kept: see `table.statistics`.
    """
    parts = [*_column_checks(contract), *_unique_checks(contract), *_volume_checks(contract)]
    asked = [(check, expression) for check, expression in parts if check.name not in proven]
    selected = ",\n".join(f"  {expression} AS `{check.name}`" for check, expression in asked)
    return CompiledChecks(
        f"SELECT\n{selected}\nFROM {CANDIDATE}",
        tuple(check for check, _ in asked),
        tuple(check for check, _ in parts if check.name in proven),
    )


def _column_checks(contract: Contract) -> Iterator[tuple[Check, str]]:
    for column in contract.columns:
        name = column.name
        # typeof is folded into a constant when the query is planned: the check costs nothing per row.
        wrong_type = f"count_if(typeof(`{name}`) <> '{SPARK_TYPES[column.type]}')"
        yield Check(f"schema_{name}", name, "schema", "blocking"), wrong_type
        if column.required:
            yield Check(f"null_{name}", name, "null", "blocking"), f"count_if(`{name}` IS NULL)"
        if bounds := _bounds(column):
            yield Check(f"range_{name}", name, "range", "blocking"), f"count_if({bounds})"
        if column.enum:
            values = ", ".join(f"'{value}'" for value in column.enum)
            yield Check(f"enum_{name}", name, "enum", "blocking"), f"count_if(`{name}` NOT IN ({values}))"


def _bounds(column: Column) -> str:
    limits = ((f"`{column.name}` < ", column.minimum), (f"`{column.name}` > ", column.maximum))
    return " OR ".join(f"{comparison}{limit}" for comparison, limit in limits if limit is not None)


def _unique_checks(contract: Contract) -> Iterator[tuple[Check, str]]:
    keys = [(column.name,) for column in contract.columns if column.unique and (column.name,) != contract.key_columns]
    for key in [contract.key_columns, *keys] if contract.key_columns else keys:
        days = (contract.day_column,) if contract.day_column and contract.day_column not in key else ()
        names = ", ".join(f"`{name}`" for name in (*days, *key))
        # A scan of its own: beside the other counts every one of them would travel with every key.
        name, column = f"unique_{'_'.join(key)}", key[0] if len(key) == 1 else None
        check = Check(name, column, "unique", "blocking", exact=f"SELECT {_repeats(names)} AS bad_rows")
        yield check, _repeats(f"xxhash64({names})")


def _repeats(key: str) -> str:
    return f"(SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {CANDIDATE} GROUP BY {key}))"


def _volume_checks(contract: Contract) -> Iterator[tuple[Check, str]]:
    if contract.day_column is None or contract.volume == VolumeBand():
        return
    limits = (("n < ", contract.volume.minimum), ("n > ", contract.volume.maximum))
    outside = " OR ".join(f"{comparison}{limit}" for comparison, limit in limits if limit is not None)
    days = f"SELECT count(*) AS n FROM {CANDIDATE} GROUP BY `{contract.day_column}`"
    yield Check("volume", None, "volume", "warning"), f"(SELECT count_if({outside}) FROM ({days}))"
