"""How much each table holds, as the summary of its newest snapshot says; and landings that were cut off."""

from collections.abc import Iterator

from prometheus_client import Metric

from matinee.landing.batches import prepared
from matinee.metrics.gauges import gauge
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of

_TOTALS = {
    "table_rows": ("total-records", "Rows of the table."),
    "table_files": ("total-data-files", "Data files of the table."),
    "table_bytes": ("total-files-size", "Bytes of the table's data files."),
}


def tables(settings: Settings) -> Iterator[Metric]:
    """Yield the metrics of all tables of the lake."""
    lake = Lake.open(settings).one_look()
    heads = {}
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            table = lake.table(contract.dataset)
            heads[contract.dataset] = summary_of(table, refs.head(table))
    for name, (total, text) in _TOTALS.items():
        yield gauge(name, text, ("dataset",), [((table,), float(told.get(total, 0))) for table, told in heads.items()])
    landed = [contract.dataset for contract in lake.registry.all() if contract.kind == "event"]
    text = "Batches of files that are prepared and not committed: at work, or cut off."
    waiting = [((name,), len(prepared(lake, name))) for name in landed if name in heads]
    yield gauge("landing_prepared_batches", text, ("dataset",), waiting)
