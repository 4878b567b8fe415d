"""`matinee kv delta`: how far the newest events are that a service counts."""

from dataclasses import asdict
from pathlib import Path

import click

from matinee.cli.output import emit_one, output_option
from matinee.errors import UsageError
from matinee.settings import load_settings


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Default: MATINEE_SERVING_DELTA_FOLDER.")
@output_option
def delta(folder: Path | None, output: str) -> None:
    """Show what the delta of a service on this machine has: its first day, its offsets, and what became of records.

    The service may run meanwhile. Answers themselves say how far behind they are.

    \b
    Example:
      matinee kv delta --output json
    """
    from matinee.serving.delta.store import state_in
    from matinee.serving.settings import ServingSettings

    place = folder or ServingSettings().delta_folder_of(load_settings())
    state = state_in(place)
    if state is None:
        raise UsageError(
            f"No delta lies in {place}.",
            next_step="`matinee serve` makes it, where MATINEE_STREAM_KAFKA names brokers and a base is active.",
            facts={"folder": place},
        )
    emit_one({"folder": place, **asdict(state)}, output)
