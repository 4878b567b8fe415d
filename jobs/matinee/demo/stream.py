"""The demonstration of the stream: simulated events through Kafka into the live tables, compared with the batch.

`python -m matinee.demo.stream [--rate N]`. Exit 0 only if every mature live row is what the batch derives.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from shlex import quote

import click
from rich.live import Live
from rich.table import Table

from matinee import entry
from matinee.cli.output import OUT
from matinee.contracts.model import live_name
from matinee.demo.home import fresh_home
from matinee.demo.replay import TOPICS, replay
from matinee.engine.server import own_server
from matinee.errors import MatineeError, StreamDiffersError
from matinee.landing.ingest import close_through
from matinee.live.driver import run_every
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES
from matinee.live.register import Tick
from matinee.parity.gate import judge
from matinee.parity.register import parities
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings, load_settings
from matinee.sources.kafka.records import Topics
from matinee.sources.simulator import SimulatorOptions, simulate
from matinee.stack.broker import broker
from matinee.stack.producer import Producer
from matinee.table.catalog import Lake

CHAIN = ("core.impressions", "core.plays", ATTRIBUTIONS, OUTCOMES)
OPTIONS = SimulatorOptions(profiles=400)
EVERY = timedelta(seconds=5)
#: Ticks that may pass after the last event was sent until all events are visible.
TRIES = 12


@dataclass
class Board:
    """What is drawn in the terminal: the state of producer and live tables, and the last ticks."""

    sent: int = 0
    done: list[Tick] = field(default_factory=list)
    take_rate: float | None = None
    note: str = ""

    def __rich__(self) -> Table:
        """Draw the board."""
        table = Table(title=self._title(), title_justify="left", header_style="bold")
        for name in ("tick", "rows", "quarantined", "lag s", "land s", "live s", "labels as of"):
            table.add_column(name, justify="right")
        for tick in self.done[-8:]:
            seconds = (f"{tick.seconds.get(name, 0):.1f}" for name in ("land", "live"))
            lag = "-" if tick.lag_s is None else f"{tick.lag_s:.1f}"
            as_of = f"{tick.as_of:%Y-%m-%d %H:%M}" if tick.as_of else "-"
            counts = ("-" if rows is None else f"{rows:,}" for rows in (tick.rows_landed, tick.rows_quarantined))
            table.add_row(f"{tick.recorded_ts:%H:%M:%S}", *counts, lag, *seconds, as_of)
        return table

    @property
    def visible(self) -> int:
        """How many events were landed or quarantined."""
        return sum((tick.rows_landed or 0) + (tick.rows_quarantined or 0) for tick in self.done)

    def tell_sent(self, sent: int) -> None:
        """Note how many events were sent so far."""
        self.sent = sent

    def _title(self) -> str:
        rate = "-" if self.take_rate is None else f"{self.take_rate:.2%}"
        return f"{self.sent:,} events sent, {self.visible:,} visible, take rate {rate}. {self.note}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", type=click.IntRange(1), default=1000, show_default=True, help="Events a second.")
def main(rate: int) -> None:
    """Run the demonstration in a lake of its own below MATINEE_HOME; each call replaces this lake.

    \b
    Example:
      make demo-stream
      make demo-stream RATE=2000
    """
    settings = fresh_home(load_settings(), "demo-stream")
    landing = settings.home / "landing"
    simulate(OPTIONS, landing)
    OUT.print(f"{OPTIONS.days} days of {OPTIONS.profiles} profiles are simulated; starting Kafka and Spark")
    with broker(settings) as servers, own_server(settings) as remote:
        running = settings.model_copy(update={"spark_remote": remote})
        _stream(running, servers, landing, rate)
        holds = _judge(running)
    OUT.print(
        f"The lake stays in {settings.home}: MATINEE_HOME={quote(str(settings.home))} matinee stream status",
        highlight=False,
    )
    sys.exit(0 if holds else 1)


def _stream(settings: Settings, servers: str, landing: Path, rate: int) -> None:
    """Send, tick and draw, until all that was sent is visible."""
    board, tries = Board(), 0
    with Live(board, console=OUT, refresh_per_second=4), ThreadPoolExecutor(max_workers=1) as worker:
        sending = worker.submit(_send, servers, landing, rate, board)
        while tries < TRIES and not (sending.done() and board.visible >= board.sent):
            tries += sending.done()
            run_every(settings, Topics(servers), EVERY, partial(_see, settings, board), ticks=1)
            time.sleep(0 if sending.done() else EVERY.total_seconds() / 2)
        sending.result()
        board.note = "All of it is visible." if board.visible >= board.sent else "Some of it is not visible."


def _send(servers: str, landing: Path, rate: int, board: Board) -> None:
    with Producer(servers, TOPICS) as producer:
        replay(producer, landing, rate, board.tell_sent)


def _see(settings: Settings, board: Board, done: list[Tick] | MatineeError) -> None:
    if isinstance(done, MatineeError):
        board.note = str(done)
        return
    board.done += done
    lake = Lake.open(settings)
    if lake.exists(live_name(OUTCOMES)):
        plays = lake.table(live_name(OUTCOMES)).scan(selected_fields=("plays",)).to_arrow()["plays"].to_pylist()
        board.take_rate = sum(count > 0 for count in plays) / max(len(plays), 1)


def _judge(settings: Settings) -> bool:
    """Publish the days by the daily path, compare the mature live days with them, and print the outcome."""
    OUT.print("\nThe daily path derives the same days …")
    first, last = OPTIONS.first_day, OPTIONS.first_day + timedelta(days=OPTIONS.days - 1)
    close_through(settings, None, last)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, first, last))
    with suppress(StreamDiffersError):  # Differences are recorded, too.
        judge(settings)
    comparisons = parities(Lake.open(settings))
    for parity in comparisons:
        causes = ", ".join(f"{count} {cause}" for cause, count in parity.causes.items()) or "none differs"
        share = 1 - parity.differing / parity.rows if parity.rows else 1.0
        OUT.print(f"{parity.dataset} {parity.day}: {share:.2%} of {parity.rows:,} live rows are the batch's; {causes}")
    return bool(comparisons) and not any(parity.differing for parity in comparisons)


if __name__ == "__main__":
    entry.run(main, "python -m matinee.demo.stream")
