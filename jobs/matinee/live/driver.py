"""The driver of low latency: a tick at a fixed interval, on an engine that keeps running."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from matinee.engine.session import same_server
from matinee.errors import (
    ContractError,
    EngineFailedError,
    EngineUnavailableError,
    LeaseHeldError,
    MatineeError,
    StreamPausedError,
)
from matinee.live.groups import require_groups
from matinee.live.register import Tick, paused
from matinee.live.tick import source_of, tick
from matinee.report import Report, Rows
from matinee.settings import Settings
from matinee.sources.protocol import Source
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

Tell = Callable[[list[Tick] | MatineeError], None]


def run_every(settings: Settings, source: Source, every: timedelta, tell: Tell, ticks: int | None = None) -> None:
    """Tick until stopped; while paused, and while another process ticks, wait for the next turn.

    A failure that may pass (a broker that is down, an engine that died, another commit) is told, and the next turn
    tries again: the tables say where to go on.

    Args:
        settings: which lake.
        source: where events come from.
        every: the time from the start of one tick to the start of the next.
        tell: gets what each turn did, or why it did nothing.
        ticks: end after so many turns; None: never.

    Raises:
        TerminalError: a failure, other than a pause or a bad contract, that would happen again at the next turn.
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
        except EngineUnavailableError as error:  # The engine could not be started.
            turns += 1
            tell(error)
            time.sleep(every.total_seconds())


def _turn(settings: Settings, source: Source, tell: Tell) -> MatineeError | None:
    try:
        tell(tick(settings, source))
        require_groups(Lake.open(settings))
    except MatineeError as error:
        # Each turn reads the contracts again.
        if not error.retryable and not isinstance(error, StreamPausedError | EngineFailedError | ContractError):
            raise
        tell(error)
        return error
    return None


def step(
    settings: Settings,
    servers: Annotated[str | None, "host:port of Kafka's brokers, separated by commas"] = None,
    from_: Annotated[str | None, "a landing folder, where there is no Kafka"] = None,
) -> Report:
    """Land what the source holds by now, then let the live tables follow; a paused stream is left alone."""
    pause, folder = paused(Lake.open(settings)), Path(from_) if from_ else None
    if pause is not None:  # Whoever paused the stream knows; a tick fails only if its own checks pause the stream.
        return Report(step="stream", dataset="", details={"note": f"paused: {pause.reason}"})
    if folder is not None and not folder.is_dir() and servers is None:
        return Report(step="stream", dataset="", details={"note": f"nothing has come to {folder} yet"})
    begun = stamp()
    try:
        done = tick(settings, source_of(servers, folder))
    except LeaseHeldError as error:
        return Report(step="stream", dataset="", details={"note": error.message})
    landed, bad = (sum(getattr(each, name) or 0 for each in done) for name in ("rows_landed", "rows_quarantined"))
    rows = Rows.model_validate({"in": landed + bad, "out": landed, "quarantined": bad})
    took = round(sum(sum(each.seconds.values()) for each in done))
    require_groups(Lake.open(settings))
    batches = sum(each.rows_landed is not None for each in done)
    details: dict[str, str | int] = {"batches": batches, "catch_up_s": took, "since": begun.isoformat()}
    return Report(step="stream", dataset="", rows=rows, details=details)
