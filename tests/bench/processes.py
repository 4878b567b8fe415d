"""Processes: one child at a time, with the memory of its whole tree and a limit of time."""

import contextlib
import ctypes
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from matinee.settings import CHECKOUT

SAMPLE_S = 0.1
# Seconds that a child may take beside its own limit: to start the engine and to end it.
STARTING_S = 120


class ChildFailedError(Exception):
    """A child ended with an error; the end of its log is the message."""


@dataclass(frozen=True)
class Child:
    """How a child ended: what it printed (None: it was ended at its limit), and the peak of its tree's memory."""

    answer: dict[str, Any] | None
    peak_bytes: int


def run_child(arguments: list[str], environment: dict[str, str], log: Path, limit_s: float) -> Child:
    """Run a command of this package and return the JSON line that it prints.

    Raises:
        ChildFailedError: it failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    printed = log.with_suffix(".json")
    with log.open("w") as errors, printed.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench", *arguments],
            stdout=output,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            cwd=CHECKOUT,
            env=environment,
            preexec_fn=_die_with_parent,
        )
        try:
            ended, peak = _watch(process, time.monotonic() + limit_s + STARTING_S)
        finally:
            _end_tree(process)
    if ended and process.returncode != 0:
        raise ChildFailedError(f"{' '.join(arguments[:2])}: {'; '.join(log.read_text().splitlines()[-8:])}")
    return Child(json.loads(printed.read_text().splitlines()[-1]) if ended else None, peak)


def _watch(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[bool, int]:
    """Wait for the end or the deadline; return whether it ended, and the peak of its tree's memory."""
    peak = 0
    while process.poll() is None:
        if time.monotonic() > deadline:
            return False, peak
        peak = max(peak, sum(_resident(member) for member in _tree(process)))
        time.sleep(SAMPLE_S)
    return True, peak


def _tree(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


def _end_tree(process: "subprocess.Popen[bytes]") -> None:
    tree = _tree(process)
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    psutil.wait_procs(tree, timeout=10)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 = PR_SET_PDEATHSIG
