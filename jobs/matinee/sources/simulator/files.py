"""The landing folder of a simulation: event files by arrival day, manifests by event day, truth and counts.

- `impressions-2026-03-01-01.jsonl`, `plays-2026-03-01-01.jsonl`: lines of one ARRIVAL day; the names sort by arrival.
- `manifest-2026-03-01.json`: the rows to expect of one EVENT day, a line a dataset.
- `truth.csv`: play_id, truth_event_id, is_last_touch.
- `counts.json`: how many lines of each kind were written.
"""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from matinee.errors import UsageError
from matinee.sources.simulator import columns
from matinee.sources.simulator.columns import DAY, Array
from matinee.sources.simulator.counts import (
    DatasetCounts,
    FileCounts,
    SimulationSummary,
    count_days,
    count_truth,
)
from matinee.sources.simulator.delivery import DEFECTS, NO_DEFECT, Delivery
from matinee.sources.simulator.generation import Events, Simulation, generate
from matinee.sources.simulator.lines import encode_lines
from matinee.sources.simulator.options import FileFormat, SimulatorOptions

LINES_AT_ONCE = 16_384
ENDINGS: dict[FileFormat, str] = {"ndjson": "jsonl", "ndjson.gz": "jsonl.gz", "parquet": "parquet"}


@dataclass(frozen=True)
class _Part:
    """One file: the lines `first` to `after` of a delivery; `is_cut`: one more line follows, half of it."""

    name: str
    first: int
    after: int
    is_cut: bool


def simulate(options: SimulatorOptions, to: Path) -> SimulationSummary:
    """Generate the events and write the landing folder; the same options write the same bytes.

    Args:
        options: what to simulate.
        to: an empty or absent folder; its parents are made.

    Returns:
        The counts that `counts.json` holds.

    Raises:
        UsageError: `to` is not an empty folder.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(
            f"{to} is not an empty folder.",
            next_step="Name a folder that does not exist yet, or empty it.",
            facts={"to": str(to)},
        )
    simulation = generate(options)
    to.mkdir(parents=True, exist_ok=True)
    cutting = np.random.default_rng((options.seed, 1))
    datasets = {
        events.dataset: _write_events(simulation, events, cutting, to)
        for events in (simulation.impressions, simulation.plays)
    }
    summary = SimulationSummary(to, simulation.shared_profile_id, datasets, count_truth(simulation))
    _write_manifests(summary)
    _write_truth(simulation, to / "truth.csv")
    (to / "counts.json").write_text(summary.to_json(), encoding="utf-8")
    return summary


def _write_events(simulation: Simulation, events: Events, cutting: np.random.Generator, to: Path) -> DatasetCounts:
    options, lines = simulation.options, events.delivery
    parts = _split(options, events, cutting)
    for part in parts:
        if options.file_format == "parquet":
            _write_parquet(events, lines.take(np.arange(part.first, part.after)), to / part.name)
        else:
            _write_ndjson(events, part, to / part.name)
    files = {
        part.name: FileCounts(
            lines=part.after - part.first + part.is_cut,
            broken=int((lines.defect[part.first : part.after] != NO_DEFECT).sum()) + part.is_cut,
        )
        for part in parts
    }
    incomplete = [int(lines.event[part.after - 1]) for part in parts if part.is_cut]
    return DatasetCounts(count_days(simulation, events, incomplete), files)


def _split(options: SimulatorOptions, events: Events, cutting: np.random.Generator) -> list[_Part]:
    """Return the files of a delivery: those of one arrival day have numbers of one length, so that names sort."""
    name, ending = events.dataset.removeprefix("raw."), ENDINGS[options.file_format]
    arrival = events.delivery.received // DAY
    parts = []
    for day in np.unique(arrival):
        first, after = np.searchsorted(arrival, [day, day + 1])
        starts = range(int(first), int(after), options.lines_per_file)
        digits = max(2, len(str(len(starts))))
        for number, start in enumerate(starts, 1):
            file = f"{name}-{np.datetime64(int(day), 'D')}-{number:0{digits}d}.{ending}"
            parts.append(_Part(file, start, min(start + options.lines_per_file, int(after)), is_cut=False))
    if options.file_format == "parquet":
        return parts
    chosen = cutting.permutation(len(parts))[: round(options.incomplete_file_share * len(parts))]
    return [_Part(part.name, part.first, part.after, is_cut=place in chosen) for place, part in enumerate(parts)]


def _write_ndjson(events: Events, part: _Part, path: Path) -> None:
    with _opened(path) as file:
        for start in range(part.first, part.after, LINES_AT_ONCE):
            file.write(_encode(events, np.arange(start, min(start + LINES_AT_ONCE, part.after))))
        if part.is_cut:
            last = _encode(events, np.array([part.after - 1]), as_sent=False)
            file.write(last[: len(last) // 2])


def _encode(events: Events, places: Array, *, as_sent: bool = True) -> bytes:
    lines = events.delivery.take(places)
    defect = lines.defect if as_sent else np.zeros_like(lines.defect)
    lines = Delivery(lines.event, lines.received, lines.again, lines.altered, defect)
    return encode_lines(
        events.lines(lines),
        malformed=defect == DEFECTS.index("malformed_json"),
        wrong_type=defect == DEFECTS.index("wrong_type"),
        typed_field=events.typed_field,
    )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if path.suffix != ".gz":
            yield file
            return
        # Neither name nor time of writing goes into the header: the same lines are the same bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed:
            yield packed  # type: ignore[misc]


def _write_parquet(events: Events, lines: Delivery, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(columns.to_arrow(events.lines(lines)), path, compression="zstd")


def _write_manifests(summary: SimulationSummary) -> None:
    days = sorted({day for counts in summary.datasets.values() for day in counts.days})
    for day in days:
        lines = [
            json.dumps(
                {
                    "dataset": name,
                    "day": day.isoformat(),
                    "expected_rows": counts.days[day].expected_rows,
                    "closed": True,
                }
            )
            for name, counts in summary.datasets.items()
        ]
        (summary.folder / f"manifest-{day.isoformat()}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_truth(simulation: Simulation, path: Path) -> None:
    """Write the truth of each play; an organic one has no `truth_event_id` and is no last touch of anything."""
    play_ids = simulation.plays.frame["play_id"].values.astype(str)
    event_ids = simulation.truth_event_id.astype(str)
    flags = np.where(simulation.is_last_touch, "true", "false")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("play_id,truth_event_id,is_last_touch\n")
        file.writelines(
            f"{play},{event},{flag}\n" for play, event, flag in zip(play_ids, event_ids, flags, strict=True)
        )
