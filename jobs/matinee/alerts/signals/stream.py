"""The stream: whether it is paused, and how long the oldest record of its last tick had waited."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.live.register import TICKS, paused, ticks

#: A tick that is older says nothing of now.
_READ = timedelta(days=1)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield the pause, or the lag of the newest tick."""
    if not outlook.lake.exists(TICKS):
        return
    pause = outlook.unless_changed(TICKS, paused)
    if pause is not None:
        yield Signal(
            "stream_lag",
            "pause of the stream",
            Identity("paused", "stream"),
            f"the stream is paused since {pause.recorded_ts:%Y-%m-%d %H:%MZ}: {pause.reason}",
            "Remove the cause, then `matinee stream resume`.",
            since=pause.recorded_ts,
        )
        return
    ran = [tick for tick in ticks(outlook.lake, outlook.at - _READ) if tick.lag_s is not None]
    if ran and ran[-1].lag_s is not None:
        yield Signal(
            "stream_lag",
            "lag of the stream",
            Identity("behind", "stream"),
            f"the oldest record of the tick at {ran[-1].recorded_ts:%Y-%m-%d %H:%MZ} had waited {ran[-1].lag_s:.0f} s",
            "`matinee stream status` shows the last ticks and what each step took.",
            value=ran[-1].lag_s,
        )
