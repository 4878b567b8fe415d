"""What Prometheus is told of served datasets: the active version, its age and how far it reaches."""

from collections.abc import Iterator

from prometheus_client import Metric

from matinee.metrics.gauges import gauge, instants
from matinee.serving import declaration as declarations
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

_DATASET = ("dataset",)


def served(settings: Settings) -> Iterator[Metric]:
    """Yield the metrics of the active version of each served dataset."""
    look = Validity(Lake.open(settings))
    contracts = declarations.served(look.lake.registry)
    if not contracts:
        return
    from matinee.serving.versions import Versions  # Of the extra `serving`.
    from matinee.serving.withdrawal import withdrawn_day

    active = {contract.dataset: Versions.of(settings, contract.dataset).active() for contract in contracts}
    keys = [((name,), float(manifest.keys if manifest else 0)) for name, manifest in active.items()]
    yield gauge("served_keys", "Keys of the active version; 0 where none is active.", _DATASET, keys)
    known = {name: manifest for name, manifest in active.items() if manifest}
    built = [((name,), manifest.built) for name, manifest in known.items()]
    yield instants("served_built", "When the active version was built.", _DATASET, built)
    until = [((name,), manifest.plan.source.vtts) for name, manifest in known.items()]
    yield instants("served_vtts", "Until when the dataset could be trusted as the version was built.", _DATASET, until)
    days = {name: withdrawn_day(look, manifest.plan.source) for name, manifest in known.items()}
    text = "Whether the active version has rows of a withdrawn day."
    yield gauge("served_withdrawn", text, _DATASET, [((name,), float(day is not None)) for name, day in days.items()])
