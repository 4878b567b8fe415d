"""All metrics of a lake; a source that fails is told as such, and the others are told all the same."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.registry import Collector

from matinee.foreign import translated
from matinee.hooks import registered
from matinee.metrics.gauges import Sample, gauge
from matinee.settings import Settings

#: A package registers its metrics under this name: functions of the settings.
HOOK = "matinee.metrics"
Source = Callable[[Settings], Iterable[Metric]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Metrics(Collector):
    """Asks each source at each look."""

    settings: Settings
    sources: Mapping[str, Source]

    def describe(self) -> Iterable[Metric]:
        """Return no metric: a registry that has no description asks for all metrics, which would read the lake."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of each source, then whether each source could be read."""
        states: list[Sample] = []
        for name, source in sorted(self.sources.items()):
            try:
                told = list(source(self.settings))
            except Exception as error:  # noqa: BLE001 - the other sources go on
                log.warning("The metrics of '%s' are missing: %s", name, translated(error))
                states.append(((name,), 0))
            else:
                yield from told
                states.append(((name,), 1))
        yield gauge("source_up", "Whether this source of metrics could be read.", ("source",), states)


def all_metrics(settings: Settings) -> Metrics:
    """Return the metrics of all sources that are registered.

    Raises:
        EnvironmentNotReadyError: no source is registered.
    """
    return Metrics(settings, {name: entry.load() for name, entry in registered(HOOK).items()})
