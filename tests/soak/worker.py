"""`python -m tests.soak.worker`: one worker, in a process of its own, until the folder says stop."""

import sys
import time
from pathlib import Path
from random import Random

import click

from matinee.settings import load_settings
from tests.soak.roles import ROLES, Desk
from tests.soak.turns import take
from tests.support.world import clock


@click.command()
@click.argument("role", type=click.Choice([*ROLES]))
@click.option("--name", required=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seed", type=int, required=True)
@click.option("--life", type=int, required=True)
def main(role: str, name: str, folder: Path, seed: int, life: int) -> None:
    """Take the role's turns on the lake of the environment."""
    kind, _, pause_s = ROLES[role]
    desk = Desk(load_settings(), folder, name, seed, life)
    worker = kind(desk)  # type: ignore[call-arg]
    desk.journal.write("ready")
    # Order must come from the tables: the clocks of the machines that workers run on differ.
    with clock(Random(f"{name} clock").choice((-5, 0, 5))):  # noqa: S311 - chance, no secrets
        while not (folder / "stop").exists():
            take(worker, desk.journal)
            time.sleep(pause_s)


if __name__ == "__main__":
    sys.exit(main())
