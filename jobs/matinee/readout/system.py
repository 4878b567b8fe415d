"""What the machine says of a process that was killed: the kernel's log, and the memory events of the control group."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from matinee.readout.data import read

_KILLED = re.compile(rb"(?:Killed process |oom-kill:.*\bpid=)(\d+)")
_PID = re.compile(rb"\bpid\"?[=:] ?(\d+)")


def pids_of(log: Iterable[bytes]) -> set[int]:
    """Return the processes that Airflow's supervisor names in a task's log."""
    return {int(pid) for line in log for pid in _PID.findall(line)}


def kernel_lines(pids: set[int], logs: Sequence[Path] | None = None) -> list[bytes]:
    """Return the lines by which the kernel tells that memory ran out and one of the processes was killed.

    Args:
        pids: the processes.
        logs: where the kernel writes; None: where `machine.yaml` says.
    """
    files = [*map(Path, read("machine.yaml")["kernel_logs"])] if logs is None else logs
    lines = [line for log in files if log.is_file() for line in _lines(log)] or _messages()
    return [line for line in lines if (killed := _KILLED.search(line)) and int(killed[1]) in pids]


def memory_lines(counters: Path | None = None) -> list[bytes]:
    """Return a line that says how often processes of this control group were killed for memory; none where never.

    Args:
        counters: the file of the control group; None: the file that `machine.yaml` names.
    """
    file = counters or Path(read("machine.yaml")["memory_counters"])
    if not file.is_file():
        return []
    counts = dict(line.split() for line in file.read_text().splitlines())
    kills = int(counts.get("oom_kill", 0))
    return [f"Memory cgroup out of memory: {file} counts {kills} killed processes.".encode()] if kills else []


def _lines(log: Path) -> list[bytes]:
    try:
        with log.open("rb") as lines:
            return [line.rstrip() for line in lines if _KILLED.search(line)]
    except OSError:
        return []  # The machine keeps its log to itself, or has just moved the file away.


def _messages() -> list[bytes]:
    program = shutil.which("dmesg")
    if program is None:
        return []
    # A machine that keeps its messages to itself answers with an error code, and no line.
    return subprocess.run([program], capture_output=True, check=False).stdout.splitlines()  # noqa: S603
