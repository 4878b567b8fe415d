"""Sizes: numbers of rows as people write them."""

import re

import click

_UNITS = {"": 1, "K": 10**3, "M": 10**6}


class Size(click.ParamType):
    """A number of rows, such as 100K or 10M."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; what is no size ends the command."""
        try:
            return value if isinstance(value, int) else parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Sizes(click.ParamType):
    """Several of them, such as 1M,3M,10M."""

    name = "sizes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers, smallest first."""
        if isinstance(value, tuple):
            return value
        return tuple(sorted({Size().convert(part, param, ctx) for part in str(value).split(",")}))


def parse_size(text: str) -> int:
    """Return the number of rows that a text such as 100K or 10M names.

    Raises:
        ValueError: it names none.
    """
    match = re.fullmatch(r"(\d+)([KM]?)", text.strip().upper())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"'{text}' is not a number of rows such as 100K or 10M")
    return int(match[1]) * _UNITS[match[2]]


def size_name(rows: int) -> str:
    """Return the shortest way to write a number of rows."""
    for unit in ("M", "K"):
        if rows % _UNITS[unit] == 0:
            return f"{rows // _UNITS[unit]}{unit}"
    return str(rows)
