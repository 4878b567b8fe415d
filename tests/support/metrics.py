"""What tests of metrics share: samples by their names and labels, and a lake with a landed and a published day."""

from collections.abc import Iterable

from prometheus_client import Metric

from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from tests.support.lakes import D1, D2, PLANNED, core_play, land, pin, prepare, raw_play


def told(metrics: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """Return the samples, by the metric's name and the values of its labels."""
    samples = [sample for metric in metrics for sample in metric.samples]
    return {(sample.name.removeprefix("matinee_"), *sample.labels.values()): sample.value for sample in samples}


def publish(lake: Lake) -> None:
    """Land two days and publish the first."""
    rows = [raw_play(D1), raw_play(D1, "p2"), raw_play(D2, "p3")]
    land(lake, "raw.plays", rows, received=PLANNED)
    plays = [core_play(D1), core_play(D1, "p2")]
    run = prepare(lake, "core.plays", D1, plays, pins=(pin(lake, "raw.plays", {D1: 1}),))
    move_to_main(lake, run, lambda _: ())
