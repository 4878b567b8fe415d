"""`matinee simulate`: landing files of simulated home pages, with the truth beside them."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit_one, output_option, working
from matinee.sources.simulator.options import FORMATS, FileFormat, SimulatorOptions

DEFAULTS = SimulatorOptions()
MOST = 10**9
SHARES = [name for name in vars(DEFAULTS) if name.endswith("_share")]


def _share_options(command: Any) -> Any:  # noqa: ANN401 - click's decorators have no narrower type
    for name in reversed(SHARES):
        flag = f"--{name.replace('_', '-')}"
        command = click.option(flag, type=click.FloatRange(0, 1), default=getattr(DEFAULTS, name), show_default=True)(
            command
        )
    return command


@click.command()
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to fill.")
@click.option("--days", default=DEFAULTS.days, show_default=True, type=click.IntRange(1, 36_500), help="Event days.")
@click.option("--first-day", default=DEFAULTS.first_day.isoformat(), show_default=True, type=DAY)
@click.option("--profiles", default=DEFAULTS.profiles, show_default=True, type=click.IntRange(1, MOST))
@click.option(
    "--events", type=click.IntRange(1, MOST), help="About so many events in all; takes the place of --profiles."
)
@click.option("--titles", default=DEFAULTS.titles, show_default=True, type=click.IntRange(1, MOST))
@click.option("--seed", default=DEFAULTS.seed, show_default=True, help="The same arguments give the same bytes.")
@click.option("--format", "file_format", default="ndjson", show_default=True, type=click.Choice(FORMATS))
@_share_options
@output_option
def simulate(
    folder: Path,
    days: int,
    first_day: date,
    profiles: int,
    events: int | None,
    titles: int,
    seed: int,
    file_format: FileFormat,
    output: str,
    **shares: float,
) -> None:
    """Write landing files, manifests, the truth of every play and the generator's own counts.

    \b
    Example:
      matinee simulate --days 3 --profiles 600 --seed 7 --to landing/
    """
    from matinee.sources.simulator import simulate as run

    options = replace(
        DEFAULTS,
        days=days,
        first_day=first_day,
        profiles=profiles,
        titles=titles,
        seed=seed,
        file_format=file_format,
        **shares,  # type: ignore[arg-type]
    )
    if events is not None:
        options = options.sized(events)
    with working(f"simulating {options.days} days", output):
        summary = run(options, folder)
    totals = {name: counts.total.as_dict() for name, counts in summary.datasets.items()}
    emit_one({"folder": folder, "datasets": totals, "truth": vars(summary.truth)}, output)
