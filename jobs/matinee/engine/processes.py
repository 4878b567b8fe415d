"""Processes that outlive who starts them: each in a session of its own, known by a pid file."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from matinee.private import FILE, write_private
from matinee.settings import Settings

KEPT_LOGS = 20
_KEPT = f"*.{'[0-9]' * 8}T{'[0-9]' * 12}.log"


def spawn(settings: Settings, name: str, command: list[str], environment: Mapping[str, str]) -> None:
    """Start a component in the background; its output goes to `<home>/run/<name>.log`."""
    keep_log(log_of(settings, name))
    # Not subprocess: its objects have to be waited for, and a component outlives the process that starts it.
    write = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    log_of(settings, name).unlink(missing_ok=True)
    pid = os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log_of(settings, name), write, FILE),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    remember(settings, name, pid)


def remember(settings: Settings, name: str, pid: int, address: str = "") -> None:
    """Write the pid file: pid, time of its start, so that a reused pid is never taken for ours, and its address."""
    with contextlib.suppress(psutil.NoSuchProcess):
        write_private(pid_file(settings, name), f"{pid} {psutil.Process(pid).create_time()} {address}\n")


def find(settings: Settings, name: str) -> psutil.Process | None:
    """Return the component's process if it still runs; a stale pid file counts as none."""
    try:
        pid, started = pid_file(settings, name).read_text().split()[:2]
        process = psutil.Process(int(pid))
        alive = process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - float(started)) < 1
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process if alive else None


def address_of(settings: Settings, name: str) -> str | None:
    """Return the address that was remembered with a component, whether the component still runs or has died."""
    with contextlib.suppress(FileNotFoundError):
        return " ".join(pid_file(settings, name).read_text().split()[2:]) or None
    return None


def stop_all(settings: Settings, names: Iterable[str], patience_s: float = 10) -> list[str]:
    """Stop components with all their children: by SIGTERM, then by SIGKILL. Return the names of those that ran."""
    ran: list[str] = []
    family: list[psutil.Process] = []
    names = tuple(names)
    for name in names:
        process = find(settings, name)
        if process is None:
            continue
        ran.append(name)
        # One by one: task processes have process groups of their own, so a signal to the group would miss them.
        with contextlib.suppress(psutil.NoSuchProcess):
            family += [process, *process.children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(family, timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    for name in names:  # Of those that died, too: nobody waits for them any more.
        pid_file(settings, name).unlink(missing_ok=True)
    return ran


def log_of(settings: Settings, name: str) -> Path:
    """Return the file with a component's output."""
    return settings.run_dir.absolute() / f"{name}.log"


def keep_log(log: Path) -> Path | None:
    """Move a log aside, so that the next start does not write over it; return where it is kept.

    Of the logs that are kept in a folder the newest KEPT_LOGS stay.
    """
    try:
        written = datetime.fromtimestamp(log.stat().st_mtime, UTC)
        kept = log.rename(log.with_suffix(f".{written:%Y%m%dT%H%M%S%f}{log.suffix}"))
    except FileNotFoundError:
        return None
    for old in sorted(log.parent.glob(_KEPT), key=lambda path: path.name.split(".")[-2])[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return kept


def tail_of(settings: Settings, name: str, lines: int = 3) -> str:
    """Return the last lines of a component's output, as one line."""
    log = log_of(settings, name)
    return " | ".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.is_file() else ""


def pid_file(settings: Settings, name: str) -> Path:
    """Return the file with a component's pid."""
    return settings.run_dir.absolute() / f"{name}.pid"
