"""The supervisor of the embedded engine: an engine that has died is started again, each time after a longer pause.

`python -m matinee.stack supervise` runs beside Airflow as long as the stack does.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import psutil
from pydantic import BaseModel, ConfigDict

from matinee.engine.processes import find, keep_log, log_of, tail_of
from matinee.engine.server import SPARK, announce, log_file, start_server
from matinee.errors import MatineeError
from matinee.foreign import translated
from matinee.private import write_private
from matinee.settings import Settings

NAME = "spark-supervisor"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
#: How often it is looked whether the engine lives.
LOOK_S = 1.0
#: An engine that has lived so long counts as healthy: the next pause is the first again.
HEALTHY_S = 600.0


class Outage(BaseModel):
    """The last death of the engine since the stack was started.

    Attributes:
        deaths: how often the engine has died.
        died_at: when the supervisor noticed the last death.
        last_words: the last lines of its log.
        log: where its log is kept.
        again_at: when the engine is started again; None: it runs again.
        why_not: why the last start failed; empty where no start has failed.
    """

    model_config = ConfigDict(frozen=True)

    deaths: int
    died_at: datetime
    last_words: str
    log: str
    again_at: datetime | None = None
    why_not: str = ""


def start_engine(settings: Settings, port: int) -> None:
    """Start the engine of every command on this lake; errors are those of `start_server`."""
    server = start_server(settings, port)
    announce(settings, server)
    log = log_of(settings, SPARK)
    log.unlink(missing_ok=True)
    log.symlink_to(server.log.name)


def last_outage(settings: Settings) -> Outage | None:
    """Return the last death of the engine; None where it has not died since the stack was started."""
    try:
        return Outage.model_validate_json(outage_file(settings).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def outage_file(settings: Settings) -> Path:
    """Return the file that tells of the last death."""
    return settings.run_dir.absolute() / f"{NAME}.json"


def supervise(
    settings: Settings,
    port: int,
    start: Callable[[Settings, int], None] = start_engine,
    pause: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Wait until the engine dies and start it again, for ever."""
    deaths, pause_s = 0, FIRST_PAUSE_S
    while True:
        since = time.monotonic()
        try:
            # An engine whose parent does not ask for its end stays a zombie: waiting for it alone would have no end.
            while engine := find(settings, SPARK):
                with suppress(psutil.TimeoutExpired):
                    engine.wait(LOOK_S)
        except OSError:  # Whether it lives is not known now.
            pause(FIRST_PAUSE_S)
            continue
        if time.monotonic() - since > HEALTHY_S:
            pause_s = FIRST_PAUSE_S
        last_words, log = _last_words(settings, port)
        deaths += 1
        outage = Outage(deaths=deaths, died_at=datetime.now(UTC), last_words=last_words, log=log)
        pause_s = _start_again(settings, port, outage, pause_s, start, pause)


def _last_words(settings: Settings, port: int) -> tuple[str, str]:
    """Return what a dead engine said last, and where its log is kept."""
    try:
        last_words = tail_of(settings, SPARK, lines=1)
        return last_words, str(keep_log(log_file(settings, port)) or "")
    except OSError as error:
        return str(translated(error)), str(log_file(settings, port))


def _start_again(
    settings: Settings,
    port: int,
    outage: Outage,
    pause_s: float,
    start: Callable[[Settings, int], None],
    pause: Callable[[float], None],
) -> float:
    """Start the engine, as often as it takes; return how long the next pause is."""
    while True:
        again_at = datetime.now(UTC) + timedelta(seconds=pause_s)
        _write(settings, outage.model_copy(update={"again_at": again_at}))
        pause(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        try:
            start(settings, port)
        except (MatineeError, OSError) as error:
            outage = outage.model_copy(update={"why_not": str(translated(error))})
        else:
            _write(settings, outage)
            return pause_s


def _write(settings: Settings, outage: Outage) -> None:
    with suppress(OSError):  # Nobody reads of the outage then; the engine is started again all the same.
        write_private(outage_file(settings), outage.model_dump_json())
