"""Who writes the parts of a batch: this process, several, or the engine's tasks; the lake is the same."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from tests.integration.test_landing_commits import LANDED, PLAYS, play, rows, write
from tests.support.workers import die_beside

from matinee.errors import EngineFailedError, LandingRefusedError
from matinee.landing import lander
from matinee.landing.ingest import ingest
from matinee.landing.model import QUARANTINE
from matinee.landing.writing import workers
from matinee.settings import Settings

pytestmark = pytest.mark.spark

#: Two workers run work that never ends; process ids are printed.
POOL = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from matinee.landing.writing.workers import _begin
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, context, _begin) as pool:
        print(*pool.map(os.getppid, ()), flush=True)
        works = [pool.submit(os.getpid), pool.submit(time.sleep, 600), pool.submit(time.sleep, 600)]
        print(works[0].result(), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight files of 50 lines, of three days, the last line of each a bad one."""
    (tmp_path / "files").mkdir()
    for file in range(8):
        lines = [play(f"{file}-{line:02d}", f"2026-02-2{6 + (file + line) % 3}T12:00:00Z") for line in range(49)]
        write(tmp_path / "files" / f"plays-{file}.jsonl", *lines, f"oops {file}\n")
    return tmp_path / "files"


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit a part to two files."""
    monkeypatch.setattr(lander, "PART_BYTES", 10_000)


def landed(settings: Settings, dataset: str) -> list[tuple[object, ...]]:
    return sorted(tuple(map(str, row.values())) for row in rows(settings, dataset))


def alone(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"home": tmp_path / "alone", "spark_cores": 1})


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("mode", ["connect", "submit"], ids=["processes", "tasks of the engine"])
def test_several_workers_land_what_one_lands(settings: Settings, tmp_path: Path, folder: Path, mode: str) -> None:
    ingest(alone(settings, tmp_path), None, [folder], LANDED)
    several = settings.model_copy(update={"task_mode": mode, "spark_cores": 2})
    reports = ingest(several, None, [folder], LANDED)
    assert [(report.rows.out, report.rows.quarantined) for report in reports] == [(49, 1)] * 8
    for dataset in (PLAYS, QUARANTINE):
        assert landed(several, dataset) == landed(alone(settings, tmp_path), dataset)


@pytest.mark.usefixtures("in_parts")
def test_a_file_that_is_refused_leaves_the_others_of_its_part_as_they_are(settings: Settings, folder: Path) -> None:
    (folder / "plays-3.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(LandingRefusedError, match=r"1 of 9 files were refused: .*plays-3.jsonl.gz"):
        ingest(settings, None, [folder], LANDED)
    assert len(rows(settings, PLAYS)) == 8 * 49
    assert sorted({row["landing_seq"] for row in rows(settings, PLAYS)}) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_workers_end_with_the_process_that_they_work_for(tmp_path: Path) -> None:
    script = write(tmp_path / "pool.py", POOL)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        worker = psutil.Process(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 30
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_a_worker_that_dies_ends_the_landing_and_leaves_no_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "write_part", die_beside)
    before = {*multiprocessing.active_children()}
    with pytest.raises(EngineFailedError, match="A process that wrote landed rows died"):
        workers.write_parts(settings.model_copy(update={"spark_cores": 3}), [SimpleNamespace(files=())] * 40)  # type: ignore[list-item]
    assert {*multiprocessing.active_children()} <= before
