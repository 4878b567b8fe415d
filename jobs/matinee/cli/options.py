"""Option types and options that several commands share."""

import getpass
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import click

from matinee.days import parse_day, parse_duration
from matinee.errors import UsageError


class Day(click.ParamType[date]):
    """An event day, `YYYY-MM-DD`."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse the text of a day."""
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value))
        except UsageError as error:
            self.fail(f"{error.message} {error.next_step}", param, ctx)


class Length(click.ParamType[timedelta]):
    """A length of time, such as `15s` or `24h`."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse the text of a length."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except UsageError as error:
            self.fail(f"{error.message} {error.next_step}", param, ctx)


DAY, LENGTH = Day(), Length()


def keys_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--key K | --from A --to B`."""
    for option in (
        click.option("--to", "last", type=DAY, help="Last key of a range, included."),
        click.option("--from", "first", type=DAY, help="First key of a range."),
        click.option("--key", type=DAY, help="One event day, YYYY-MM-DD."),
    ):
        command = option(command)
    return command


def keys(key: date | None, first: date | None, last: date | None) -> tuple[date, date]:
    """Return the range that `--key` or `--from` and `--to` name.

    Raises:
        UsageError: neither or both are given, or half a range.
    """
    if key is not None and first is None and last is None:
        return key, key
    if key is None and first is not None and last is not None:
        return first, last
    raise UsageError(
        "Which keys is not clear.", next_step="Give either --key DAY, or both --from DAY and --to DAY (both included)."
    )


def parameters(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return `NAME=VALUE` pairs as a mapping.

    Raises:
        UsageError: a pair has no '='.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"'{pair}' is not NAME=VALUE.", next_step="For example --param attribution.window=40d.")
        values[name] = value
    return values


def user() -> str:
    """Return the name of the user who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container may run as a user that has no name.
        return "unknown"
