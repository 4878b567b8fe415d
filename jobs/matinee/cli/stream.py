"""`matinee stream`: micro-batches from Kafka, or from a landing folder, into the live tables."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matinee.cli.options import DAY, LENGTH
from matinee.cli.output import ERR, emit, emit_one, output_option, plain, working
from matinee.errors import LeaseHeldError, MatineeError, StreamPausedError, UsageError
from matinee.live.register import Tick, paused, record, ticks
from matinee.report import ErrorReport
from matinee.settings import load_settings
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

if TYPE_CHECKING:
    from matinee.parity.register import Parity


@click.group()
def stream() -> None:
    """The stream: events become rows of raw.*, then of the live tables, within a minute."""


@stream.command()
@click.option("--servers", help="Kafka's brokers, host:port,…; default: MATINEE_KAFKA.")
@click.option("--from", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Landing folder.")
@click.option("--every", type=LENGTH, help="From one tick to the next, such as 15s; none: one tick.")
@output_option
def run(servers: str | None, folder: Path | None, every: timedelta | None, output: str) -> None:
    """Land what the source holds, then let the live tables follow; once, or every so often until stopped.

    The live tables take whatever is landed, also by `matinee ingest`. Only one process at a time runs ticks: with
    --every a second process waits for its turn, and a paused stream is waited for. Each tick is told on stderr; with
    --output json on stdout, as an object on a line of its own. A single tick prints to stdout, batch by batch, what it
    landed, and how the live tables followed.

    \b
    Example:
      matinee stream run --servers 127.0.0.1:9092 --every 15s
    """
    from matinee.lineage.emission import failure_told, tick_told
    from matinee.live.driver import run_every
    from matinee.live.groups import require_groups
    from matinee.live.tick import source_of, tick

    settings = load_settings()
    source, begun = source_of(servers or (None if folder else settings.stream.kafka), folder), stamp()
    if every is None:
        with failure_told(settings, "stream", ""):
            done = tick(settings, source)
        tick_told(settings, begun)
        if output != "json":
            _tell(done)
        emit([_row(entry) for entry in done], output, empty="There was nothing to do.")
        require_groups(Lake.open(settings))
        return
    tell = _tell_programs if output == "json" else _tell

    def told(turn: list[Tick] | MatineeError) -> None:
        nonlocal begun
        tell(turn)
        if not isinstance(turn, StreamPausedError | LeaseHeldError):  # Those wait: nothing has failed.
            tick_told(settings, begun, turn if isinstance(turn, MatineeError) else None)
        begun = stamp()

    try:
        run_every(settings, source, every, told)
    except KeyboardInterrupt:
        if output != "json":
            ERR.print("stopped; the next run goes on from here")


@stream.command()
@click.option("--reason", required=True, help="Why; `status` shows it.")
@output_option
def pause(reason: str, output: str) -> None:
    """Let no further batch begin; a running batch is finished.

    \b
    Example:
      matinee stream pause --reason "a broken client release"
    """
    record(Lake.open(load_settings()), Tick("paused", reason=reason))
    emit_one({"state": "paused", "reason": reason}, output)


@stream.command()
@click.option("--reason", default="by hand", show_default=True, help="Why; `status` shows it.")
@output_option
def resume(reason: str, output: str) -> None:
    """Let batches begin again; rows landed by the batch that paused the stream are taken as they are.

    \b
    Example:
      matinee stream resume --reason "the release was withdrawn"
    """
    record(Lake.open(load_settings()), Tick("resumed", reason=reason))
    emit_one({"state": "resumed", "reason": reason}, output)


@stream.command("accept-topics")
@click.option("--servers", help="Kafka's brokers, host:port,…; default: MATINEE_KAFKA.")
@output_option
def accept_topics(servers: str | None, output: str) -> None:
    """Read topics that were deleted and created again, from their first record; landed records of the old ones stay.

    \b
    Example:
      matinee stream accept-topics --servers 127.0.0.1:9092
    """
    from matinee.live.topics import accept_topics as accept
    from matinee.sources.kafka.records import Topics

    settings = load_settings()
    named = servers or settings.stream.kafka
    if not named:
        raise UsageError("No brokers are named.", next_step="Give --servers HOST:PORT of Kafka's brokers.")
    lake = Lake.open(settings)
    accepted = accept(lake, Topics(named).records(lake))
    emit([{"topic": topic} for topic in accepted], output, empty="No topic was created again.")


@stream.command()
@click.option("--last", type=click.IntRange(1), default=10, show_default=True, help="So many of the last ticks.")
@output_option
def status(last: int, output: str) -> None:
    """Show whether the stream is paused, how long ago it ticked, how far it lags, and its last ticks.

    \b
    Example:
      matinee stream status --last 3 --output json
    """
    lake = Lake.open(load_settings())
    last_ticks = ticks(lake)[-last:]
    now, rows = _now(paused(lake), last_ticks), [_row(tick) for tick in last_ticks]
    if output == "json":
        emit_one({**now, "ticks": rows}, output)
        return
    emit_one(now, output)
    emit(rows, output, empty="No tick was made yet.")


@stream.command()
@click.option(
    "--key",
    type=DAY,
    help="One event day; default: mature days that have not agreed with the batch yet.",
)
@output_option
def compare(key: date | None, output: str) -> None:
    """Compare live days with their publications, row by row and column by column; exit code 1 where they differ.

    Rows whose input arrived after the batch had read are counted apart: these rows are late, see `matinee late scan`.

    \b
    Example:
      matinee stream compare --key 2026-03-01
    """
    from matinee.parity.gate import judge
    from matinee.parity.register import parities

    settings, begun = load_settings(), stamp()
    try:
        with working("Comparing …", output):
            judge(settings, key)
    finally:
        comparisons = [parity for parity in parities(Lake.open(settings)) if parity.recorded_ts >= begun]
        emit([_compared(parity) for parity in comparisons], output, empty="There was no day to compare.")


@stream.command()
@click.option("--key", type=DAY, required=True, help="One event day, YYYY-MM-DD.")
@output_option
def repair(key: date, output: str) -> None:
    """Derive a day of the live tables again, from the rows that they have read; no row of a batch is copied.

    \b
    Example:
      matinee stream repair --key 2026-03-01
    """
    from matinee.live.repair import repair as derive_again

    with working(f"Deriving {key} again …", output):
        derive_again(load_settings(), key)
    emit_one({"day": key, "next": f"matinee stream compare --key {key}"}, output)


def _tell_programs(done: list[Tick] | MatineeError) -> None:
    rows = [{"waiting": ErrorReport.of(done)}] if isinstance(done, MatineeError) else [_row(tick) for tick in done]
    for row in rows:
        click.echo(json.dumps(plain(row), default=str))  # Flushed: a program that reads a pipe learns of it at once.


def _tell(done: list[Tick] | MatineeError) -> None:
    if isinstance(done, MatineeError):
        ERR.print(f"waiting: {done}")
        return
    for tick in done:
        steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in tick.seconds.items())
        lag = "" if tick.lag_s is None else f", lag {tick.lag_s:.1f} s"
        landed = f"{tick.rows_landed} rows, {tick.rows_quarantined} quarantined"
        what = "live tables followed" if tick.rows_landed is None else landed
        ERR.print(f"{tick.recorded_ts:%H:%M:%S} {what}{lag} ({steps})")
    batches = [tick.rows_landed for tick in done if tick.rows_landed is not None]
    if len(batches) > 1:
        took = sum(sum(tick.seconds.values()) for tick in done)
        ERR.print(f"caught up: {sum(batches)} rows in {len(batches)} batches, {took:.1f} s")


def _compared(parity: "Parity") -> dict[str, object]:
    worst = min(parity.scores.values(), default=1.0)
    return {
        "dataset": parity.dataset,
        "day": parity.day,
        "rows": parity.rows,
        "differing": parity.differing,
        "causes": dict(parity.causes),
        "arrived_after_batch": parity.arrived_after_batch,
        "worst_column": None if worst == 1 else next(f"{n} {s:.4%}" for n, s in parity.scores.items() if s == worst),
        "publication": parity.publication_id,
    }


def _now(pause: Tick | None, last_ticks: list[Tick]) -> dict[str, object]:
    ran = [tick for tick in last_ticks if tick.state == "ran"]
    return {
        "state": f"paused since {pause.recorded_ts:%Y-%m-%d %H:%M:%SZ}: {pause.reason}" if pause else "running",
        "last_tick": f"{(stamp() - ran[-1].recorded_ts).total_seconds():.0f} s ago" if ran else None,
        "lag_s": ran[-1].lag_s if ran else None,
        "labels_as_of": next((tick.as_of for tick in reversed(ran) if tick.as_of), None),
    }


def _row(tick: Tick) -> dict[str, object]:
    return {
        "recorded": tick.recorded_ts,
        "state": tick.state,
        "landed": tick.rows_landed,
        "quarantined": tick.rows_quarantined,
        "lag_s": tick.lag_s,
        "seconds": dict(tick.seconds),
        "offsets": dict(tick.offsets),
        "reason": tick.reason,
    }
