"""`python -m tests.soak`: everybody at once on one lake, on SQLite, then on PostgreSQL."""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import click
import pytest

from matinee.engine.server import own_server
from matinee.settings import Settings, load_settings
from tests.soak.soak import soak
from tests.soak.summary import show
from tests.support.catalogs import postgres_server, postgres_settings

Catalog = Literal["sqlite", "postgres"]


@click.command(epilog="Example: python -m tests.soak --minutes 1 --catalog sqlite --seed 7 --output json")
@click.option("--minutes", type=click.FloatRange(min=0.1), default=5, show_default=True, help="Of work, over all.")
@click.option("--catalog", type=click.Choice(["sqlite", "postgres", "both"]), default="both", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of files, choices and kills.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--keep", is_flag=True, help="Leave the lake, its landing files and the journals where they are.")
def main(minutes: float, catalog: str, seed: int, output: str, keep: bool) -> None:
    """Land, publish, heal, compact, expire and withdraw at once, kill publishers, and check what readers see.

    Exit code 1: an invariant did not hold, a worker died or met an error that nobody expects.
    """
    chosen: tuple[Catalog, ...] = ("sqlite", "postgres") if catalog == "both" else (catalog,)  # type: ignore[assignment]
    # A soak that is told to end takes its processes and its folder with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    outcomes = []
    with _folder(keep=keep) as folder, own_server(load_settings(home=folder, catalog="embedded")) as remote:
        for name in chosen:
            with _lake(name, folder / name) as settings:
                ready = settings.model_copy(update={"spark_remote": remote})
                outcomes.append(soak(ready, folder / f"{name}-soak", 60 * minutes / len(chosen), seed, _tell))
    if output == "json":
        click.echo(json.dumps([outcome.document() for outcome in outcomes], indent=2))
    else:
        show(outcomes)
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="matinee-soak-"))
    try:
        yield folder
    finally:
        if keep:
            _tell(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lake(catalog: Catalog, home: Path) -> Iterator[Settings]:
    with ExitStack() as stack:
        if catalog == "postgres":
            try:
                uri = stack.enter_context(postgres_server())
            except pytest.skip.Exception as missing:
                raise click.ClickException(str(missing)) from missing
            yield postgres_settings(uri, home)
        else:
            yield load_settings(home=home, catalog="embedded", spark_remote=None)


def _tell(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
