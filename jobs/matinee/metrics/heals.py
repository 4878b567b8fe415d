"""What the healer decided, and the days that wait for a person."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric

from matinee.healing.register import decisions, last_by_day
from matinee.metrics.gauges import gauge, instants
from matinee.settings import Settings
from matinee.table.catalog import Lake


def heals(settings: Settings) -> Iterator[Metric]:
    """Yield the metrics of the register of heals."""
    known = decisions(Lake.open(settings).one_look())
    made = Counter((told.dataset, told.decision) for told in known)
    text = "Decisions of the healer, of all time."
    yield gauge("heal_decisions", text, ("dataset", "decision"), [(names, times) for names, times in made.items()])
    waiting = Counter(
        {told.dataset: 0 for told in known}
        | Counter(dataset for (dataset, _), told in last_by_day(known).items() if told.decision == "human")
    )
    text = "Days whose last decision is that a person has to decide."
    yield gauge("heals_for_a_person", text, ("dataset",), [((name,), days) for name, days in waiting.items()])
    moments = [told.recorded_ts for told in known if told.recorded_ts is not None]
    yield instants("heal", "When the healer decided last.", (), [((), max(moments, default=None))])
