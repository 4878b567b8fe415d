"""Metrics as Prometheus takes them. Instants are exported, not ages: Prometheus knows the time of a look."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

#: The values of the labels, and the number.
Sample = tuple[tuple[str, ...], float]


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> GaugeMetricFamily:
    """Return a metric with its samples.

    Args:
        name: without the prefix `matinee_`.
        text: one sentence.
        labels: their names.
        samples: the number for each set of labels.
    """
    family = GaugeMetricFamily(f"matinee_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def instants(
    name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], datetime | None]]
) -> GaugeMetricFamily:
    """Return a metric of instants, in seconds since 1970; labels without an instant have no sample."""
    known = ((values, instant.timestamp()) for values, instant in samples if instant is not None)
    return gauge(f"{name}_timestamp_seconds", text, labels, known)
