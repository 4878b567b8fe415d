"""The driver of low latency: a tick every so often, on an engine that stays."""

import time
from collections.abc import Callable
from datetime import timedelta

from matinee.engine.session import same_server
from matinee.errors import EngineFailedError, EngineUnavailableError, MatineeError, StreamPausedError
from matinee.live.register import Tick
from matinee.live.tick import Source, tick
from matinee.settings import Settings

Tell = Callable[[list[Tick] | MatineeError], None]


def run_every(settings: Settings, source: Source, every: timedelta, tell: Tell, ticks: int | None = None) -> None:
    """Tick until stopped; while paused, and while another process ticks, wait for the next turn.

    What may pass (a broker that is down, an engine that died, another commit) is told, and tried again at the next
    turn: the tables say where to go on.

    Args:
        settings: which lake.
        source: where events come from.
        every: from the begin of one tick to the begin of the next.
        tell: gets what each turn did, or why it did nothing.
        ticks: end after so many turns; None: never.

    Raises:
        TerminalError: what would happen again at the next turn, but a pause.
    """
    turns = 0
    while turns != ticks:
        try:
            with same_server(settings) as running:
                engine_answers = True
                while engine_answers and turns != ticks:
                    turns += 1
                    begun = time.monotonic()
                    engine_answers = not isinstance(_turn(running, source, tell), EngineUnavailableError)
                    time.sleep(max(every.total_seconds() - (time.monotonic() - begun), 0) if turns != ticks else 0)
        except EngineUnavailableError as error:  # It could not be started.
            turns += 1
            tell(error)
            time.sleep(every.total_seconds())


def _turn(settings: Settings, source: Source, tell: Tell) -> MatineeError | None:
    try:
        tell(tick(settings, source))
    except MatineeError as error:
        if not error.retryable and not isinstance(error, StreamPausedError | EngineFailedError):
            raise
        tell(error)
        return error
    return None
