"""Until when datasets can be trusted, what holds them, what was landed and what was published."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import Metric

from matinee.days import start_of
from matinee.ledger.model import State
from matinee.metrics.gauges import gauge, instants
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

_DATASET = ("dataset",)


def trust(settings: Settings) -> Iterator[Metric]:
    """Yield the metrics of one look at the ledger and at the landed days."""
    validity = Validity(Lake.open(settings))
    contracts = [
        contract
        for contract in validity.lake.registry.all()
        if contract.day_column is not None and contract.kind not in {"register", "live"}
    ]
    yield from _validity(validity, [contract.dataset for contract in contracts])
    targets = [(c.dataset, c.freshness) for c in contracts if c.freshness < timedelta.max]
    text = "How far the dataset may lag by its contract."
    yield gauge("freshness_target_seconds", text, _DATASET, [((name,), aim.total_seconds()) for name, aim in targets])
    yield from _landed(validity, [contract.dataset for contract in contracts if contract.transform is None])
    yield from _published(validity, [contract.dataset for contract in contracts if contract.transform])


def _validity(validity: Validity, datasets: list[str]) -> Iterator[Metric]:
    first = {name: validity.owed_from(name) for name in datasets}
    owing = {name: (validity.vtts(name), start_of(day)) for name, day in first.items() if day is not None}
    text = "End of the unbroken run of valid days; the begin of the first owed day where no day is valid."
    yield instants("vtts", text, _DATASET, [((name,), seen.vtts or begin) for name, (seen, begin) in owing.items()])
    text = "Until when labels cannot change any more."
    mature = [((name,), seen.mature_through) for name, (seen, _) in owing.items()]
    yield instants("mature_through", text, _DATASET, mature)
    held = [
        ((name, seen.held_by.root.dataset, seen.held_by.root.kind), 1.0)
        for name, (seen, _) in owing.items()
        if seen.held_by is not None
    ]
    text = "What holds the dataset's VTTS: the dataset at the end of the chain, and the kind of its reason."
    yield gauge("held", text, ("dataset", "root", "kind"), held)


def _landed(validity: Validity, datasets: list[str]) -> Iterator[Metric]:
    text = "When rows of the dataset were landed last."
    yield instants("landed", text, _DATASET, [((name,), validity.heard(name)) for name in datasets])
    landed = {name: validity.landed(name) for name in datasets}
    newest = {name: max(days) for name, days in landed.items() if days}
    text = "Begin of the newest event day that has landed rows."
    yield instants("newest_landed_day", text, _DATASET, [((name,), start_of(day)) for name, day in newest.items()])
    rows = [((name,), landed[name][day]) for name, day in newest.items()]
    yield gauge("newest_landed_day_rows", "Rows of the newest event day that has landed rows.", _DATASET, rows)


def _published(validity: Validity, datasets: list[str]) -> Iterator[Metric]:
    states = {name: Counter(note.state for note in validity.history(name).notes()) for name in datasets}
    counted = [((name, state.value.lower()), states[name][state]) for name in datasets for state in State]
    text = "Days of publications in the ledger, by their last state."
    yield gauge("publications", text, ("dataset", "state"), counted)
    newest = {name: validity.history(name).newest_notes for name in datasets}
    last = {name: notes[max(notes)] for name, notes in newest.items() if notes}
    text = "Begin of the newest published day."
    days = [((name,), start_of(note.day)) for name, note in last.items()]
    yield instants("newest_published_day", text, _DATASET, days)
    rows = [
        ((name, flow), getattr(note, field))
        for name, note in last.items()
        for flow, field in (("in", "read"), ("out", "out"), ("duplicate", "duplicate"))
    ]
    yield gauge("newest_published_day_rows", "Rows of the newest published day.", ("dataset", "flow"), rows)
