"""A contract's checks as ONE query for full volumes: a row a cell, a bigint column per check, the number of bad rows.

Checks that the statistics of the data files already prove are left out. Repeated keys are looked for by their 64-bit
hash; where a hash repeats, a query of its own compares the keys themselves. The same scan hashes the rows of each cell:
the hash is the stamp of a publication.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

from matinee.contracts.column_types import holds_doubles
from matinee.contracts.ddl import spark_type
from matinee.contracts.model import Column, Contract
from matinee.contracts.service_levels import VolumeBand

#: The temporary view that holds the days under audit of the dataset under audit.
CANDIDATE = "candidate"
#: Columns of the query: the cell, and the order-free hash of its rows.
DAY, BUCKET, STAMP = "cell_day", "cell_bucket", "cell_stamp"


@dataclass(frozen=True)
class Check:
    """One check; `name` is the result's column, `column` the checked column (None: the table), `kind` what is checked.

    A bad row of kind `unique` is a row beyond the first of its key; a bad row of kind `volume` is a day. `exact` is the
    query that counts the bad rows of a check, where the column of the main query can only say that there are some.
    """

    name: str
    column: str | None
    kind: Literal["schema", "null", "null_in", "range", "enum", "unique", "volume"]
    severity: Literal["blocking", "warning"]
    exact: str | None = None


@dataclass(frozen=True)
class CompiledChecks:
    """The queries over the view `candidate`, what their columns mean, and the checks that need no query.

    `sql` has a row for each cell with rows: cell_day, cell_bucket (null of a dataset without buckets), cell_stamp, and
    the checks of single rows. `whole` has one row: the checks that look at rows together; empty where there are none.
    """

    sql: str
    whole: str
    checks: tuple[Check, ...]
    proven: tuple[Check, ...] = ()


def compile_checks(contract: Contract, proven: Container[str] = ()) -> CompiledChecks:
    """Return the contract's checks as queries; every value is 0 where the contract is kept.

    A column that the table lacks makes a query itself fail: nothing could be said about its rows.

    Args:
        contract: of a dataset that is kept by day.
        proven: names of the checks that are known to be kept: see `table.statistics`.
    """
    rows, together = list(_column_checks(contract)), [*_unique_checks(contract), *_volume_checks(contract)]
    asked = [(check, expression) for check, expression in rows if check.name not in proven]
    asked_whole = [(check, expression) for check, expression in together if check.name not in proven]
    cell = [f"`{contract.day_column}`" if contract.day_column else "CAST(NULL AS DATE)"]
    cell += [f"`{contract.cells.column}`" if contract.bucketed else "CAST(NULL AS INT)"]
    selected = [f"{cell[0]} AS {DAY}", f"{cell[1]} AS {BUCKET}", f"{_stamp(contract)} AS {STAMP}", *map(_named, asked)]
    return CompiledChecks(
        f"SELECT\n  {_LINES.join(selected)}\nFROM {CANDIDATE}\nGROUP BY {', '.join(cell)}",
        f"SELECT\n  {_LINES.join(map(_named, asked_whole))}" if asked_whole else "",
        tuple(check for check, _ in (*asked, *asked_whole)),
        tuple(check for check, _ in (*rows, *together) if check.name in proven),
    )


_LINES = ",\n  "


def _named(asked: tuple[Check, str]) -> str:
    return f"{asked[1]} AS `{asked[0].name}`"


def _stamp(contract: Contract) -> str:
    """Return the order-free hash of a cell's rows: the exact sum of their 64-bit hashes, the same on each engine.

    Doubles are left out: engines may add them up in another order.
    """
    hashed = [column for column in contract.columns if not holds_doubles(column)]
    values = [f"`{column.name}`" for column in hashed]
    # The function skips nulls, so which columns are null is hashed, too.
    values += [f"`{column.name}` IS NULL" for column in hashed if not column.required]
    values += [part for column in hashed for part in _inside(column, f"`{column.name}`")]
    return f"sum(CAST(xxhash64({', '.join(values)}) AS DECIMAL(38, 0)))"


def _inside(column: Column, value: str, depth: int = 0) -> Iterator[str]:
    """Yield what the hash of a value does not see: what is null within it, and where lists end."""
    if column.items:
        item = f"item_{depth}"
        yield f"size({value})"
        for part in (f"{item} IS NULL", *_inside(column.items, item, depth + 1)):
            yield f"transform({value}, {item} -> {part})"
    for field in column.fields:
        yield f"{value}.`{field.name}` IS NULL"
        yield from _inside(field, f"{value}.`{field.name}`", depth)


def _has_null_inside(column: Column, value: str, depth: int = 0) -> list[str]:
    """Return the conditions under which something within a value is null, but must not be null."""
    conditions, item = list[str](), f"item_{depth}"
    if column.items:
        inner = [f"{item} IS NULL"] if column.items.required else []
        inner += _has_null_inside(column.items, item, depth + 1)
        conditions += [f"exists({value}, {item} -> {' OR '.join(inner)})"] if inner else []
    for field in column.fields:
        path = f"{value}.`{field.name}`"
        conditions += [f"({value} IS NOT NULL AND {path} IS NULL)"] if field.required else []
        conditions += _has_null_inside(field, path, depth)
    return conditions


def _column_checks(contract: Contract) -> Iterator[tuple[Check, str]]:
    for column in contract.columns:
        name = column.name
        # typeof is folded into a constant when the query is planned: the check costs nothing per row.
        wrong_type = f"count_if(typeof(`{name}`) <> '{spark_type(column)}')"
        yield Check(f"schema_{name}", name, "schema", "blocking"), wrong_type
        if column.required:
            yield Check(f"null_{name}", name, "null", "blocking"), f"count_if(`{name}` IS NULL)"
        if inside := _has_null_inside(column, f"`{name}`"):
            yield Check(f"null_in_{name}", name, "null_in", "blocking"), f"count_if({' OR '.join(inside)})"
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
        # A scan of its own: in one query with the other counts, all of them would be shuffled with every key.
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
