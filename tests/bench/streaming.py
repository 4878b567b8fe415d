"""The stream: its join beside Spark's join of two streams, how long events wait, what steps cost on a full lake."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

import click

from matinee.engine.server import own_server
from tests.bench import machine, micro_batch, stream_join, stream_ticks
from tests.bench.ratios import Ratio
from tests.bench.stream_join import Joined
from tests.bench.tables import print_ratios

PARTS = ("join", "latency", "tick", "batch")
JOIN_TARGET, WAIT_TARGET_S, TICK_TARGET, BATCH_TARGET = 3.0, 60.0, 1.5, 1.2
RATE, SECONDS = 2_000, 180
TICK_DAYS, TICK_ROWS, TICK_BATCH = 30, 60_000, 5_000
#: Hours of ticks before a micro-batch; those of a day take a quarter of an hour.
BATCH_HOURS, BATCH_EVENTS = (1, 24), 30_000


@dataclass(frozen=True)
class Streaming:
    """What one call measured."""

    document: dict[str, object]
    ratios: list[Ratio]

    @property
    def failures(self) -> Sequence[str]:
        """Nothing is caught here: what fails ends the call."""
        return ()

    def print(self) -> None:
        """Print the ratios."""
        print_ratios(self.ratios, "2.4M events, 2,000 a second, 30 days of 60,000 rows")

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        (folder / "stream.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_stream(folder: Path, parts: Sequence[str], rows: int, rounds: int) -> Streaming:
    """Measure the parts one after another; peers in turn within each round."""
    home = folder.absolute() / "stream"
    document: dict[str, object] = {"before": machine.facts()}
    ratios: list[Ratio] = []
    if "join" in parts:
        joined = _join(home / "join", rows, rounds)
        document["join"] = {
            "rows": rows,
            "joined": {name: [asdict(run) for run in runs] for name, runs in joined.items()},
        }
        ratios += _join_ratios(joined)
    if "latency" in parts:
        waits = stream_ticks.measure_latency(home / "latency", RATE, SECONDS)
        document["latency"] = asdict(waits)
        ratios.append(Ratio(f"p95 from sending to the live row at {RATE}/s, s", "latency", waits.p95_s, WAIT_TARGET_S))
    if "tick" in parts:
        full, empty = stream_ticks.measure_tick(home / "tick", TICK_DAYS, TICK_ROWS, TICK_BATCH, rounds)
        document["tick"] = {"full_s": full, "empty_s": empty}
        ratios.append(Ratio("tick on 30 days / on an empty table", "tick", median(full) / median(empty), TICK_TARGET))
    if "batch" in parts:
        taken = micro_batch.measure_batch(home / "batch", BATCH_HOURS, BATCH_EVENTS, rounds)
        document["batch"] = {f"after_{hours}_h_cpu_s": cpu_s for hours, cpu_s in taken.items()}
        hour, day = (median(taken[hours]) for hours in BATCH_HOURS)
        ratios.append(Ratio("micro-batch after a day of ticks / after an hour", "batch", day / hour, BATCH_TARGET))
    document["ratios"] = [asdict(ratio) for ratio in ratios]
    return Streaming(document, ratios)


def _join_ratios(joined: Mapping[str, Sequence[Joined]]) -> list[Ratio]:
    seconds = {name: median(run.seconds for run in runs) for name, runs in joined.items()}
    peers = [name for name in joined if not name.startswith("ours")]
    return [
        Ratio(f"seconds, ours / {peer}", "join", seconds["ours"] / seconds[peer], 1 / JOIN_TARGET) for peer in peers
    ]


def _join(home: Path, rows: int, rounds: int) -> dict[str, list[Joined]]:
    """Return what each contender took, round by round; the first round warms the engine and does not count."""
    settings = stream_join.build(home, rows)
    with own_server(settings) as remote:
        running = settings.model_copy(update={"spark_remote": remote})
        peer = partial(stream_join.peer, running, home / "checkpoint")
        contenders = {
            "ours": partial(stream_join.ours, running),
            "ours, a step a landing": partial(stream_join.ours, running, 1),
            "stream-stream join": peer,
            "stream-stream join without repeats": partial(peer, unrepeated=True),
            "stream-stream join without repeats, all columns": partial(peer, unrepeated=True, whole=True),
        }
        joined: dict[str, list[Joined]] = {name: [] for name in contenders}
        for number in range(rounds + 1):
            for name, contend in contenders.items():
                took = contend()
                click.echo(f"round {number}  {name} {took.seconds:.1f} s, {took.rows:,} rows", err=True)
                joined[name] += [took] if number else []
    return joined
