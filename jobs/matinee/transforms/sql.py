"""Transforms written as SQL: `transform.sql` in a dataset's folder.

One SELECT over the inputs, each a view named by its alias, that yields the contract's columns by name. Values are
bound, never pasted into the text:

| argument | type | value |
|---|---|---|
| `:first_day`, `:last_day` | date | the days to derive, both included |
| `:as_of` | timestamp | end of the last valid day of the input that is read ahead; NULL when there is none |
| `:attribution_window_us` | bigint | a parameter of the contract that is a duration, in microseconds |
| `:take_rate_min` | double | a parameter of the contract that is a number |

A parameter's argument is its name with `_` for `.`, and `_us` after it when it is a duration.
"""

from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import DataFrame

from matinee.contracts.document import is_number
from matinee.contracts.readers import sql_name
from matinee.errors import ContractError
from matinee.transforms.context import Transform, TransformContext


def sql_transform(path: Path) -> Transform:
    """Return the transform that runs the SQL of a file.

    The views belong to the session and are read when the returned frame is: write that frame before another transform
    of the same session registers inputs under the same aliases.

    Raises:
        ContractError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(
            f"{path} cannot be read: {error}.",
            next_step="Write the SELECT there, or name a transform of matinee.transforms in the contract.",
            facts={"file": path},
        ) from error

    def transform(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
        for alias, frame in inputs.items():
            frame.createOrReplaceTempView(alias)
        session = next(iter(inputs.values())).sparkSession
        return session.sql(text, args=sql_arguments(context)).select(*context.contract.column_names)

    return transform


def sql_arguments(context: TransformContext) -> dict[str, object]:
    """Return what a dataset's SQL can bind, by name without the colon: see the module's table."""
    arguments: dict[str, object] = {
        "first_day": context.first_day,
        "last_day": context.last_day,
        "as_of": context.as_of,
    }
    for name, value in context.contract.parameters.items():
        bound = context.contract.number(name) if is_number(value) else context.micros(name)
        arguments[sql_name(name, value)] = bound
    return arguments
