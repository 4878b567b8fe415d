"""The landing part of the benchmark: its files, its long history, and the CPU seconds that it counts."""

import gzip
import os
import sys
from pathlib import Path

import pyarrow.parquet as pq
from tests.bench.landing_history import DATASET, build_history
from tests.bench.landing_inputs import BATCH_FILES, FILES, SMALL_LINES, landing_files
from tests.bench.processes import run_child

from matinee.landing.batches import prepared
from matinee.landing.ingest import ingest
from matinee.landing.landed_files import registered
from matinee.settings import load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import landing_seq

#: The child of the process ends at once and leaves a child of its own that works for a second.
_LEFT_BEHIND = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        while time.process_time() < 1: pass
    os._exit(0)
os.wait()
print("done")
"""


def test_landing_files_hold_the_same_lines_in_every_form(tmp_path: Path) -> None:
    files = landing_files(tmp_path, 8_000)
    text, gzipped, few, many = (sorted(files.source(kind).iterdir()) for kind in ("ndjson", "gzipped", "few", "many"))
    content = b"".join(path.read_bytes() for path in text)
    assert (len(text), content.count(b"\n")) == (FILES, 8_000)
    assert content == b"".join(gzip.decompress(path.read_bytes()) for path in gzipped)
    assert b"".join(map(Path.read_bytes, few)) == b"".join(map(Path.read_bytes, many))
    assert {path.read_bytes().count(b"\n") for path in many} == {SMALL_LINES}
    assert sum(pq.read_metadata(path).num_rows for path in files.source("parquet").iterdir()) == 8_000


def test_one_more_file_lands_after_batches_as_after_separate_landings(tmp_path: Path) -> None:
    files = landing_files(tmp_path, 8_000)
    settings = load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)
    build_history(settings, sorted(files.source("batch").iterdir()), 7)
    lake = Lake.open(settings)
    assert [landing.landing_seq for landing in registered(lake, DATASET)] == [*range(1, 7 * BATCH_FILES + 1)]
    assert len({landing.sha256 for landing in registered(lake, DATASET)}) == 7 * BATCH_FILES
    assert prepared(lake, DATASET) == []
    [report] = ingest(settings, DATASET, [files.source("one")])
    table = lake.table(DATASET)
    assert report.details["landing_seq"] == landing_seq(table) == 7 * BATCH_FILES + 1
    assert len(list(refs.summaries(table))) > 7


def test_processes_that_outlive_their_parents_are_counted(tmp_path: Path) -> None:
    child = run_child(["counted", "--", sys.executable, "-c", _LEFT_BEHIND], dict(os.environ), tmp_path / "log", 60)
    assert child.answer is not None
    assert child.answer["cpu_s"] >= 1
    assert child.answer["printed"] == "done\n"
