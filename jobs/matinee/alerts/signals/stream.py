"""The stream: whether it is paused, and for how long records wait until the live tables have them."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Edge, Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.live.register import TICKS, paused, ticks

#: A stream that has not ticked for so long has been given up, not stopped by accident.
ENDED = timedelta(days=30)
PAUSED = Identity("paused", "stream")


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield the lag of the stream, from the oldest record that its last tick had, and its pause."""
    if not outlook.lake.exists(TICKS):
        return
    pause = paused(outlook.lake)
    if pause is not None:
        yield Signal(
            "stream_lag",
            "stream paused",
            PAUSED,
            f"the stream is paused since {pause.recorded_ts:%Y-%m-%d %H:%MZ}: {pause.reason}",
            "Remove the cause, then `matinee stream resume`.",
            since=pause.recorded_ts,
        )
    ran = [tick for tick in ticks(outlook.lake, outlook.at - ENDED) if tick.state == "ran"]
    if ran:
        last = ran[-1]
        lag = timedelta(seconds=next((tick.lag_s for tick in reversed(ran) if tick.lag_s is not None), 0.0))
        yield Signal(
            "stream_lag",
            "stream lag",
            Identity("lags", "stream"),
            f"the last tick ended at {last.recorded_ts:%Y-%m-%d %H:%MZ}, and its oldest record had waited {lag}",
            "`matinee stream status`; the runbook of events_stream says what to do.",
            since=last.recorded_ts - lag,
            edges=(Edge("resource", PAUSED),) if pause is not None else (),
        )
