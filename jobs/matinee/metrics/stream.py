"""How far the stream lags, and how live days agree with the batch."""

from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import Metric

from matinee.live.register import TICKS, paused, ticks
from matinee.metrics.gauges import gauge, instants
from matinee.parity.register import parities
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.files import upper_instant

#: The part of the register that is read: what came before the newest tick by more says nothing of now.
_READ = timedelta(days=1)


def stream(settings: Settings) -> Iterator[Metric]:
    """Yield the metrics of the newest ticks, and of the newest comparison of each live dataset."""
    lake = Lake.open(settings).one_look()
    if not lake.exists(TICKS):
        return
    table = lake.table(TICKS)
    files = [task.file for task in table.scan().plan_files()]
    noted = [upper_instant(table, file, "recorded_ts") for file in files]
    newest = max((instant for instant in noted if instant is not None), default=None)
    ran = [tick for tick in ticks(lake, newest - _READ) if tick.state == "ran"] if newest else []
    text = "When the stream landed a batch last, or the live tables followed."
    yield instants("stream_tick", text, (), [((), ran[-1].recorded_ts)] if ran else [])
    lags = [tick.lag_s for tick in ran if tick.lag_s is not None]
    text = "How long the oldest record of the last tick had waited."
    yield gauge("stream_lag_seconds", text, (), [((), lags[-1])] if lags else [])
    yield gauge("stream_paused", "Whether the stream is paused.", (), [((), float(paused(lake) is not None))])
    last = {parity.dataset: parity for parity in parities(lake)}
    text = "The least share of scored rows that agree in a column, of the last compared day."
    scores = [((name,), min(parity.scores.values(), default=1.0)) for name, parity in last.items()]
    yield gauge("parity_score", text, ("dataset",), scores)
    text = "Scored rows that differ, of the last compared day."
    yield gauge("parity_differing_rows", text, ("dataset",), [((name,), p.differing) for name, p in last.items()])
