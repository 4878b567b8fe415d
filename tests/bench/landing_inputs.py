"""Landing files of the same simulated impressions, built once: NDJSON, gzipped, Parquet, in few files and in many."""

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from matinee.sources.simulator import SimulatorOptions, simulate
from tests.bench.events import SEED
from tests.bench.sizes import size_name

FILES, FEW = 44, 20
#: Lines of a small file, small files for each million rows, and files of a batch.
SMALL_LINES, SMALL_FILES, BATCH_FILES = 300, 1_000, 4
#: At least this share of the simulated events are impressions.
_IMPRESSIONS = 0.9
_ENDINGS = {"gzipped": "jsonl.gz", "parquet": "parquet"}
# Raised when what is built changes: an older folder is then built again.
FORMAT = 1


@dataclass(frozen=True)
class LandingFiles:
    """The folders of files, by what they are: `ndjson`, `gzipped`, `parquet`; `few` and `many` of the same lines; a
    `batch` of several, and `one`; and the rows of each kind."""

    folder: Path
    rows: dict[str, int]

    def source(self, kind: str) -> Path:
        """Return the folder of one kind."""
        return self.folder / kind

    def pattern(self, kind: str) -> str:
        """Return what names the files of one kind."""
        return f"{self.source(kind)}/*.{_ENDINGS.get(kind, 'jsonl')}"


def landing_files(folder: Path, rows: int) -> LandingFiles:
    """Return the files of so many rows below a folder; what is not complete is built."""
    own = folder.absolute() / "inputs" / f"landing-{size_name(rows)}-{SEED}"
    marker = own / "complete.json"
    if not marker.is_file() or json.loads(marker.read_text())["format"] != FORMAT:
        click.echo(f"building landing files of {size_name(rows)} rows", err=True)
        shutil.rmtree(own, ignore_errors=True)
        built = _build(own, rows)
        marker.write_text(json.dumps({"format": FORMAT, "rows": built}) + "\n")
    return LandingFiles(own, json.loads(marker.read_text())["rows"])


def _build(folder: Path, rows: int) -> dict[str, int]:
    # Some lines are broken, as in real files; incomplete last lines would not change the speed.
    options = SimulatorOptions(seed=SEED, incomplete_file_share=0).sized(int(rows / _IMPRESSIONS))
    lines = _simulated_lines(folder / "simulated", options, rows)
    many = max(FEW, SMALL_FILES * rows // 1_000_000)
    small = lines[: many * SMALL_LINES]
    batch, single = small[: BATCH_FILES * SMALL_LINES], small[-SMALL_LINES:]
    kinds = {"ndjson": (FILES, lines), "gzipped": (FILES, lines), "few": (FEW, small), "many": (many, small)}
    kinds |= {"batch": (BATCH_FILES, batch), "one": (1, single)}
    for kind, (count, taken) in kinds.items():
        _write(folder / kind, _ENDINGS.get(kind, "jsonl"), _pieces(taken, count))
    table = _simulated_table(folder / "simulated", replace(options, file_format="parquet"), rows)
    (folder / "parquet").mkdir()
    for number, place in enumerate(_places(rows, FILES)):
        pq.write_table(table.slice(place.start, len(place)), folder / "parquet" / f"impressions-{number:04}.parquet")
    return {kind: len(taken) for kind, (_, taken) in kinds.items()} | {"parquet": rows}


def _simulated_lines(folder: Path, options: SimulatorOptions, rows: int) -> list[bytes]:
    simulate(options, folder)
    lines = b"".join(path.read_bytes() for path in sorted(folder.glob("impressions-*.jsonl"))).splitlines(keepends=True)
    shutil.rmtree(folder)
    assert len(lines) >= rows
    return lines[:rows]


def _simulated_table(folder: Path, options: SimulatorOptions, rows: int) -> pa.Table:
    simulate(options, folder)
    table = pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("impressions-*.parquet"))])
    shutil.rmtree(folder)
    assert table.num_rows >= rows
    return table.slice(0, rows)


def _write(folder: Path, ending: str, pieces: Iterator[Sequence[bytes]]) -> None:
    folder.mkdir(parents=True)
    for number, lines in enumerate(pieces):
        content = b"".join(lines)
        path = folder / f"impressions-{number:04}.{ending}"
        path.write_bytes(gzip.compress(content, 6) if ending.endswith(".gz") else content)


def _pieces(lines: Sequence[bytes], count: int) -> Iterator[Sequence[bytes]]:
    return (lines[place.start : place.stop] for place in _places(len(lines), count))


def _places(rows: int, count: int) -> Iterator[range]:
    """Yield where each of so many pieces begins and ends."""
    return (range(rows * number // count, rows * (number + 1) // count) for number in range(count))
