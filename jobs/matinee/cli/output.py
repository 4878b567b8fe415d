"""What the command line prints: a table for people or JSON for programs, on stdout; progress and errors on stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from matinee.entry import printable


class Plain(Console):
    """A console that prints texts as they are: no markup, and nothing in them reaches the terminal as a command."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        """Return a text as rich renders it."""
        return super().render_str(printable(text), **{**options, "markup": False, "emoji": False})

    def on_broken_pipe(self) -> None:
        """Leave a reader that is gone to the outermost call."""
        raise BrokenPipeError


# Where there is no terminal (a log, a pipe) there is no width to respect.
OUT = Plain(soft_wrap=True, width=None if sys.stdout and sys.stdout.isatty() else 160)
ERR = Plain(stderr=True, soft_wrap=True)


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--output table|json`."""
    option = click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people or programs.",
    )
    return option(command)


def plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, date | datetime | timedelta | Path):
        return str(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has no such numbers.
    return value


def emit(
    rows: Sequence[Mapping[str, object]], output: str, *, title: str = "", empty: str = "Nothing to show."
) -> None:
    """Print rows as a table or a JSON list."""
    if output == "json":
        click.echo(json.dumps(plain(list(rows)), indent=2, default=str))
        return
    if not rows:
        OUT.print(empty)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    OUT.print(table)


def emit_one(facts: Mapping[str, object], output: str, *, title: str = "") -> None:
    """Print facts, one on each line, or as a JSON object."""
    if output == "json":
        click.echo(json.dumps(plain(facts), indent=2, default=str))
        return
    table = Table(title=title or None, title_justify="left", show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), cell(value))
    OUT.print(table)


def cell(value: object) -> str:
    """Return a value as a table shows it; None and () are shown as '-'."""
    if value is None or value == ():
        return "-"
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)


@contextmanager
def working(message: str, output: str) -> Iterator[None]:
    """Show on stderr that long work goes on; silent for programs."""
    if output == "json" or not ERR.is_terminal:
        yield
        return
    with ERR.status(Text(printable(message))):
        yield
