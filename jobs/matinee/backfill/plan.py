"""Backfills: planned and followed here, run by Airflow. Datasets in dependency order, keys oldest first."""

import logging
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from matinee.contracts.model import Contract, InputSpec
from matinee.days import day_range, reach_ahead
from matinee.errors import UsageError
from matinee.ledger.ledger import History, history
from matinee.ledger.model import State
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedDag:
    """One backfill to start: its DAG, datasets and keys, what they read, and what stands in the way.

    `keys` is how many keys the DAG has from `first` to `last`, both included.
    """

    dag_id: str
    datasets: tuple[str, ...]
    first: date
    last: date
    keys: int
    rows: int
    bytes: int
    expected_minutes: float | None
    conflicts: tuple[str, ...]


def plan_backfill(settings: Settings, dataset: str, first: date, last: date) -> tuple[PlannedDag, ...]:
    """Return the backfills that restate a dataset and everything built on it, in the order in which they start.

    Raises:
        UsageError: the range ends before it starts or has no key of the dataset, or no DAG publishes the dataset.
        DroppedError: a day of one of these datasets, or a day that it reads, was dropped.
    """
    if last < first:
        raise UsageError(
            f"The range ends ({last}) before it starts ({first}).", next_step="Give --from the earlier day."
        )
    lake = Lake.open(settings)
    if lake.registry.get(dataset).dag is None:
        published = ", ".join(contract.dataset for contract in lake.registry.all() if contract.dag)
        raise UsageError(
            f"No DAG publishes {dataset}.",
            next_step=f"Choose one of {published}, or name its DAG in its contract, as `dag`.",
            facts={"dataset": dataset},
        )
    if lake.registry.left_out:  # Where they read a restated day, `vtts explain` and the healer say so afterwards.
        log.warning("Not restated, as their contracts cannot be used: %s", ", ".join(sorted(lake.registry.left_out)))
    validity, by_dag = Validity(lake), dict[str, dict[Contract, list[date]]]()
    for contract in map(lake.registry.get, [dataset, *lake.registry.downstream(dataset)]):
        keys = _named_keys(contract, first, last) if contract.dataset == dataset else None
        keys = _dependent_keys(validity, contract, first, last) if keys is None else keys
        if contract.dag and keys:
            by_dag.setdefault(contract.dag, {})[contract] = keys
    # The dataset that begins last is checked first, so that the next step holds for all.
    planned = [(contract, keys[0]) for keys_of in by_dag.values() for contract, keys in keys_of.items()]
    for contract, key in sorted(planned, key=lambda each: validity.derivable_from(each[0]), reverse=True):
        validity.require_derivable(contract, max(key, validity.valid_from or key))
    return tuple(_planned(lake, validity, dag_id, keys_of) for dag_id, keys_of in by_dag.items())


def _named_keys(contract: Contract, first: date, last: date) -> list[date]:
    """Return the keys of the dataset that a person names.

    Raises:
        UsageError: there are none.
    """
    keys = [*contract.cadence.keys(first, last)]
    if not keys:
        raise UsageError(
            f"{contract.dataset} is {contract.cadence.name}, and none of its keys lies from {first} to {last}.",
            next_step=f"Name {contract.cadence.first_from(first)}, or `matinee run {contract.dataset} --key DAY`.",
            facts={"dataset": contract.dataset, "from": first, "to": last},
        )
    return keys


def _dependent_keys(validity: Validity, contract: Contract, first: date, last: date) -> list[date]:
    """Return the keys of a dataset that is made from restated days.

    Of a daily dataset those are the same days, without days whose inputs will not be mature by then: the daily run
    publishes them. Of others they are the published keys that read one of the days.
    """
    if contract.cadence.step == 1:
        awaited = [spec for spec in contract.inputs if spec.waits_for == "mature"]
        days = contract.cadence.keys(first, last)
        return [day for day in days if all(_matures(validity, spec, day, last) for spec in awaited)]
    first_left = validity.derivable_from(contract)
    published = [day for day in validity.repaired_days(contract.dataset).tolist() if day >= first_left]
    reads = {day: [contract.input_days(spec, day, day) for spec in contract.inputs] for day in published}
    return [
        day
        for day in published
        if contract.cadence.first_from(day) == day and any(begin <= last and end >= first for begin, end in reads[day])
    ]


def _matures(validity: Validity, spec: InputSpec, day: date, last: date) -> bool:
    """Whether a day of an input is mature, or will be once all days up to the last are published."""
    upstream = validity.lake.registry.get(spec.dataset)
    ahead = [upstream.duration(each.lookahead) for each in upstream.inputs]
    return max(reach_ahead(day, length) for length in ahead) <= last or validity.readable(spec, day).valid


def _planned(lake: Lake, validity: Validity, dag_id: str, keys_of: Mapping[Contract, list[date]]) -> PlannedDag:
    sizes = [size for contract, keys in keys_of.items() for size in _read(lake, contract, keys[0], keys[-1])]
    minutes = [_minutes(history(lake, contract.dataset), len(keys)) for contract, keys in keys_of.items()]
    every = {key for keys in keys_of.values() for key in keys}
    return PlannedDag(
        dag_id=dag_id,
        datasets=tuple(contract.dataset for contract in keys_of),
        first=min(every),
        last=max(every),
        keys=len(every),
        rows=sum(rows for rows, _ in sizes),
        bytes=sum(size for _, size in sizes),
        expected_minutes=round(sum(m for m in minutes if m is not None), 1) if None not in minutes else None,
        conflicts=tuple(
            text
            for contract, keys in keys_of.items()
            for text in _conflicts(lake, validity, contract, keys[0], keys[-1])
        ),
    )


def _read(lake: Lake, contract: Contract, first: date, last: date) -> Iterator[tuple[int, int]]:
    touched = contract.touched_days(first, last)
    for spec in contract.inputs:
        upstream = lake.registry.get(spec.dataset)
        if upstream.day_column and lake.exists(spec.dataset):
            begin, end = contract.input_days(spec, *touched)
            sizes = day_sizes(lake.table(spec.dataset), upstream.day_column, first=begin, last=end)
            yield sum(size.rows for size in sizes.values()), sum(size.bytes for size in sizes.values())


def _minutes(published: History, keys: int) -> float | None:
    """Return the minutes that so many keys take at the median pace of the newest twenty publications."""
    newest = [published.of(note) for note in published.notes(State.PUBLISHED)[-20:]]
    seconds = [(record.recorded_ts - record.run.planned_ts).total_seconds() for record in newest]
    return keys * statistics.median(seconds) / 60 if seconds else None


def _conflicts(lake: Lake, validity: Validity, contract: Contract, first: date, last: date) -> Iterator[str]:
    for record in history(lake, contract.dataset).open():
        if first <= record.day <= last:
            yield f"{record.publication_id} is prepared and not published"
    for spec in contract.inputs:
        if lake.registry.get(spec.dataset).transform is None:
            for day in day_range(first, last):
                status = validity.status(spec.dataset, day)
                if status.reason is not None:
                    yield f"{spec.dataset} {day} is not valid: {status.reason.detail}"


@dataclass(frozen=True)
class Restatement:
    """How far a backfill has come: the days that a new publication has reached, out of all."""

    done: int
    days: int
    failed: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether every day was published again."""
        return self.done == self.days


def newest_publications(lake: Lake, dag: PlannedDag) -> dict[tuple[str, date], str | None]:
    """Return the publication of each dataset and key of a backfill that readers see now."""
    histories = {dataset: history(lake, dataset) for dataset in dag.datasets}
    return {
        (dataset, day): newest.publication_id if (newest := published.newest(day)) else None
        for dataset, published in histories.items()
        for day in lake.registry.get(dataset).cadence.keys(dag.first, dag.last)
    }


def restatement(
    lake: Lake, dag: PlannedDag, before: Mapping[tuple[str, date], str | None], since: datetime
) -> Restatement:
    """Return how far a backfill has come since `before` was looked at: from the ledger, whatever Airflow runs it."""
    now = newest_publications(lake, dag)
    failed = (
        f"{record.publication_id}: {record.reason}"
        for dataset in dag.datasets
        for published in [history(lake, dataset)]
        for note in published.notes(State.ABANDONED)
        if note.recorded_ts > since and dag.first <= note.day <= dag.last
        for record in [published.of(note)]
    )
    return Restatement(sum(now[key] != before[key] for key in now), len(now), tuple(sorted(set(failed))))
