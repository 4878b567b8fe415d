"""`python -m tests.bench`: the benchmark's commands."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import click

from matinee.settings import Engine
from tests.bench.contenders import CONTENDERS, OURS, chosen, contend
from tests.bench.control import measure_control, parse_dag, run_days
from tests.bench.cpu import run_counted
from tests.bench.events import SKEWS, Skew
from tests.bench.growth import measure_growth
from tests.bench.healing import HEALERS, measure_heal
from tests.bench.inputs import build_input, load_input
from tests.bench.jobs import Job
from tests.bench.join import measure_join
from tests.bench.landing import PARTS as LANDING_PARTS
from tests.bench.landing import measure_landing
from tests.bench.late import build_late_input
from tests.bench.modules import measure_modules
from tests.bench.moving import move_main
from tests.bench.processes import ChildFailedError
from tests.bench.questions import QUESTIONS, ask
from tests.bench.rounds import DisagreementError
from tests.bench.scale import measure_scale
from tests.bench.sizes import Size, Sizes
from tests.bench.streaming import PARTS, measure_stream
from tests.bench.verification import fingerprint
from tests.bench.watching import measure_watch, watch_for

Command = Callable[..., None]
DIRECTORY = click.Path(path_type=Path, file_okay=False)


class Measured(Protocol):
    """The result of a measuring command: to print and to save."""

    document: dict[str, object]
    failures: Sequence[str]

    def print(self) -> None:
        """Print its tables."""

    def save(self, folder: Path) -> None:
        """Write its files."""


_engines = click.option(
    "--engine",
    "engines",
    type=click.Choice(OURS),
    multiple=True,
    default=OURS,
    show_default=True,
    help="An engine of ours; repeat it for both.",
)
_rounds = click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each contender.")


def _results(command: Command) -> Command:
    """Give a command the options that all measuring commands have: output, folder and time limit."""
    for option in (
        click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True),
        click.option(
            "--to", "folder", type=DIRECTORY, default=".bench", show_default=True, help="Folder of inputs and results."
        ),
        click.option(
            "--limit",
            "limit_s",
            type=click.FloatRange(1),
            default=600,
            show_default=True,
            help="Seconds after which a contender is ended.",
        ),
    ):
        command = option(command)
    return command


def _show(measured: Measured, folder: Path, output: str) -> None:
    measured.save(folder)
    if output == "json":
        click.echo(json.dumps(measured.document))
    else:
        measured.print()
    if measured.failures:
        raise ChildFailedError(f"{', '.join(measured.failures)} failed; the results say how.")


@click.group()
def main() -> None:
    """Measure the main job beside what a user would pick instead.

    \b
    Example: python -m tests.bench join --rows 1M --rounds 1
    """


@main.command(epilog="Example: python -m tests.bench join --rows 10M --skew hot --only ours-sail --only duckdb-asof")
@click.option("--rows", type=Size(), default="10M", show_default=True, help="Impressions, such as 100K or 10M.")
@click.option("--skew", type=click.Choice(SKEWS), default="uniform", show_default=True)
@click.option("--only", type=click.Choice([*CONTENDERS]), multiple=True, help="Run these contenders only.")
@_engines
@_rounds
@_results
def join(
    rows: int,
    skew: Skew,
    only: tuple[str, ...],
    engines: tuple[str, ...],
    rounds: int,
    limit_s: float,
    folder: Path,
    output: str,
) -> None:
    """Run the contenders on one input and compare them."""
    measured = measure_join(folder, rows, skew, chosen(engines, only), rounds, limit_s)
    _show(measured, folder, output)


@main.command(epilog="Example: python -m tests.bench scale --sizes 1M,3M,10M --engine sail")
@click.option("--sizes", type=Sizes(), default="1M,3M,10M,30M", show_default=True)
@_engines
@_rounds
@_results
def scale(
    sizes: tuple[int, ...], engines: tuple[str, ...], rounds: int, limit_s: float, folder: Path, output: str
) -> None:
    """Measure ours against the size of the input."""
    measured = measure_scale(folder, sizes, engines, rounds, limit_s)
    _show(measured, folder, output)


@main.command(epilog="Example: python -m tests.bench control --output json")
@_engines
@_results
def control(engines: tuple[str, ...], limit_s: float, folder: Path, output: str) -> None:
    """Measure what a day costs besides its rows: audits, ledger, publishing, validity, DAG files, Airflow, the demo."""
    _show(measure_control(folder, engines, limit_s), folder, output)


@main.command(epilog="Example: python -m tests.bench modules --engine sail")
@click.option("--engine", type=click.Choice(OURS), default="sail", show_default=True)
@_results
def modules(engine: Engine, limit_s: float, folder: Path, output: str) -> None:
    """Count the modules that a row visits on its way from a landing file to the training set, and name them."""
    _show(measure_modules(engine), folder, output)


@main.command(epilog="Example: python -m tests.bench heal --rows 10M --engine sail")
@click.option("--rows", type=Size(), default="10M", show_default=True, help="Impressions, such as 100K or 10M.")
@_engines
@_rounds
@_results
def heal(rows: int, engines: tuple[str, ...], rounds: int, limit_s: float, folder: Path, output: str) -> None:
    """Heal late rows of one bucket beside a full recompute, and publish onto a main that moved."""
    _show(measure_heal(folder, rows, engines, rounds, limit_s), folder, output)


@main.command(epilog="Example: python -m tests.bench stream --part latency")
@click.option("--rows", type=Size(), default="2M", show_default=True, help="Impressions of the join, such as 2M.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS, show_default=True)
@_rounds
@_results
def stream(rows: int, parts: tuple[str, ...], rounds: int, limit_s: float, folder: Path, output: str) -> None:
    """Update live tables beside Spark's join of two streams; how long events wait; what ticks and batches cost."""
    _show(measure_stream(folder, parts, rows, rounds), folder, output)


@main.command(epilog="Example: python -m tests.bench landing --rows 200K --rounds 1")
@click.option("--rows", type=Size(), default="2M", show_default=True, help="Lines of the large inputs, such as 2M.")
@click.option(
    "--part", "parts", type=click.Choice(LANDING_PARTS), multiple=True, default=LANDING_PARTS, show_default=True
)
@_rounds
@_results
def landing(rows: int, parts: tuple[str, ...], rounds: int, limit_s: float, folder: Path, output: str) -> None:
    """Land files beside DuckDB, small ones beside large ones, and one more after thousands."""
    _show(measure_landing(folder, parts, rows, rounds, limit_s), folder, output)


@main.command(epilog="Example: python -m tests.bench growth --question vtts --question late")
@click.option("--question", "questions", type=click.Choice([*QUESTIONS]), multiple=True, default=[*QUESTIONS])
@_rounds
@_results
def growth(questions: tuple[str, ...], rounds: int, limit_s: float, folder: Path, output: str) -> None:
    """Ask the questions of bookkeeping on lakes of 30, 400 and 1,200 days and of 50 datasets: costs should not grow."""
    _show(measure_growth(folder, questions, rounds, limit_s), folder, output)


@main.command(epilog="Example: python -m tests.bench watch --hours 6")
@click.option("--hours", type=click.IntRange(1, 72), default=24, show_default=True, help="Simulated hours.")
@_results
def watch(hours: int, limit_s: float, folder: Path, output: str) -> None:
    """Watch 50 datasets of 400 days, a look each simulated minute: CPU of a look, and memory by the hour."""
    _show(measure_watch(folder, hours, limit_s), folder, output)


@main.command("looks", hidden=True)
@click.option("--home", type=DIRECTORY, required=True)
@click.option("--looks", type=click.IntRange(1), required=True)
@click.option("--within", type=click.FloatRange(1), required=True, help="Seconds.")
def print_looks(home: Path, looks: int, within: float) -> None:
    """Print what each look took."""
    click.echo(json.dumps(watch_for(home, looks, within)))


@main.command("ask", hidden=True)
@click.argument("question", type=click.Choice([*QUESTIONS]))
@click.option("--warm", type=DIRECTORY, required=True)
@click.option("--home", type=DIRECTORY, required=True)
def print_answer(question: str, warm: Path, home: Path) -> None:
    """Print what a question to a lake took."""
    click.echo(json.dumps(ask(question, warm, home)))


_ALL = CONTENDERS | HEALERS
_name = click.argument("name", type=click.Choice([*_ALL]))
_source = click.option("--input", "source", type=DIRECTORY, required=True)
_target = click.option("--output-dir", "target", type=DIRECTORY, required=True)


@main.command("contend", hidden=True)
@_name
@_source
@_target
@click.option("--option", "options", multiple=True, help="name=value of the engine")
def contend_once(name: str, source: Path, target: Path, options: tuple[str, ...]) -> None:
    """Run one contender once in this process and print one line of JSON."""
    target.mkdir(parents=True, exist_ok=True)
    given = dict(option.split("=", maxsplit=1) for option in options)
    click.echo(json.dumps(contend(_ALL[name], Job(load_input(source), target), given)))


@main.command("build", hidden=True)
@click.option("--rows", type=Size(), required=True)
@click.option("--skew", type=click.Choice(SKEWS), required=True)
@click.option("--late", is_flag=True, help="Published from landed rows, with some that came too late.")
@_target
def build(rows: int, skew: Skew, late: bool, target: Path) -> None:
    """Build an input and print how many rows it has."""
    build_one = build_late_input if late else build_input
    click.echo(json.dumps(build_one(target, rows, skew).rows))


@main.command("fingerprint", hidden=True)
@click.argument("written", type=click.Path(path_type=Path, dir_okay=False))
def print_fingerprint(written: Path) -> None:
    """Print the fingerprint of what a contender's line of JSON says that it wrote."""
    click.echo(json.dumps(fingerprint(json.loads(written.read_text().splitlines()[-1])["files"])))


@main.command("day", hidden=True)
@_name
@_source
@_target
def print_days(name: str, source: Path, target: Path) -> None:
    """Print the steps of publishing a day several times."""
    click.echo(json.dumps(run_days(name, load_input(source), target)))


@main.command("moving", hidden=True)
@click.argument("engine", type=click.Choice(OURS))
@_target
def print_moves(engine: str, target: Path) -> None:
    """Print the seconds of publishing changes several times."""
    click.echo(json.dumps(move_main(engine, target)))


@main.command("counted", hidden=True)
@click.argument("command", nargs=-1, required=True)
def count(command: tuple[str, ...]) -> None:
    """Run a command and print what its processes took and what it printed."""
    click.echo(json.dumps(run_counted([*command])))


@main.command("parse", hidden=True)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def print_parsing(path: Path) -> None:
    """Print how long a DAG file takes."""
    click.echo(json.dumps(parse_dag(path)))


if __name__ == "__main__":
    try:
        main()
    except (DisagreementError, ChildFailedError) as error:
        sys.exit(f"bench: {error}")
