"""The batch judges the stream: each mature day of a live table is compared with its publication, on the same input.

Every row of either side and every column counts. A row whose input arrived after the batch had read is counted apart:
neither side is wrong, and the late scan finds the row. Every other difference gets a cause, from the landed events.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.ddl import BUCKETS
from matinee.contracts.model import Contract, live_name
from matinee.days import MICROSECOND, end_of, reach_ahead, reach_back
from matinee.engine.tables.spark_tables import pinned
from matinee.errors import InputsNotValidError
from matinee.ledger.model import Publication
from matinee.live.groups import Group, Sources, group_of
from matinee.live.progress import Progress, progress_in
from matinee.parity.causes import Evidence, Read
from matinee.parity.register import ARRIVED_AFTER, Parity, record
from matinee.publication.terms import buckets_of
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from pyiceberg.table import Table

DIFFERS = "differs"


def compare(lake: Lake, session: SparkSession, dataset: str, day: date) -> Parity:
    """Compare a day of a published dataset with its live table; record and return the result.

    Raises:
        InputsNotValidError: the day is not valid or not mature, its live rows have expired or are in another number
            of buckets, or the live table has not come as far as the batch has read.
    """
    contract, validity = lake.registry.get(dataset), Validity(lake)
    # Loaded once: the progress has to be that of the compared snapshot, and ticks go on meanwhile.
    table = _live_table(lake, contract, day)
    live, head = progress_in(table), refs.head(table)
    published = _published(validity, contract, day)
    group = group_of(lake, dataset)
    sources, reach = group.sources_of(lake.registry), _reach(lake, group)
    days = reach_back(day, reach), reach_ahead(day, reach)
    read = Read.of(validity, sources, *days)
    _refuse_too_early(contract, published, read, live, day, reach)
    compared = _compared(_joined(lake, session, contract, day, head), contract, sources)
    rows = compared.count()
    differing = compared.where(DIFFERS).localCheckpoint()
    counts: dict[str, dict[str, int]] = {}
    if not differing.isEmpty():
        made_by = (published.run.contract_version, published.run.code_version)
        evidence = Evidence(lake, session, live, read, sources, days, {live_name(dataset): head})
        counts = _counts(evidence.caused(differing, contract, made_by), contract)
    late = counts.pop(ARRIVED_AFTER, {}).get("rows", 0)
    parity = Parity(
        dataset=dataset,
        day=day,
        publication_id=published.publication_id,
        live_snapshot_id=head,
        rows=rows,
        arrived_after_batch=late,
        differing=sum(numbers["rows"] for numbers in counts.values()),
        causes={cause: numbers["rows"] for cause, numbers in counts.items()},
        scores=_scores(contract, counts, rows - late),
    )
    record(lake, parity)
    return parity


def _reach(lake: Lake, group: Group) -> timedelta:
    """Return how far from a day the events lie that its rows are made from."""
    contracts = [lake.registry.get(name) for name in group.datasets]
    inputs = ((contract, spec) for contract in contracts for spec in contract.inputs)
    return max(contract.duration(length) for contract, spec in inputs for length in (spec.lookback, spec.lookahead))


def _live_table(lake: Lake, contract: Contract, day: date) -> "Table":
    name = live_name(contract.dataset)
    if not lake.exists(name):
        raise InputsNotValidError(
            f"{contract.dataset} {day} cannot be compared: there is no {name} yet.",
            next_step="`matinee stream run` makes it.",
            facts={"dataset": contract.dataset, "day": day},
        )
    table, number = lake.table(name), str(contract.cells.buckets)
    if table.properties.get(BUCKETS) not in (None, number):
        raise InputsNotValidError(
            f"{contract.dataset} {day} cannot be compared: not all rows of {name} are in the {number} buckets of its "
            "contract.",
            next_step="Wait for the next tick of the stream: it derives the live days again.",
            facts={"dataset": contract.dataset, "day": day, "buckets": table.properties[BUCKETS]},
        )
    return table


def _published(validity: Validity, contract: Contract, day: date) -> Publication:
    status, newest = validity.status(contract.dataset, day), validity.history(contract.dataset).newest(day)
    if not status.valid or newest is None:
        raise InputsNotValidError(
            f"{contract.dataset} {day} is not valid, so there is nothing to compare the live table with.",
            next_step=f"`matinee vtts explain {contract.dataset}` says what would make it so.",
            facts={"dataset": contract.dataset, "day": day},
        )
    number = buckets_of(validity.lake, newest.run)
    if number not in (None, contract.cells.buckets):
        raise InputsNotValidError(
            f"{contract.dataset} {day} is published in {number} buckets; its contract has {contract.cells.buckets}.",
            next_step="`matinee contract plan` names the backfill that publishes the day again; then compare.",
            facts={"dataset": contract.dataset, "day": day, "buckets": number},
        )
    return newest


def _refuse_too_early(
    contract: Contract, published: Publication, read: Read, live: Progress, day: date, reach: timedelta
) -> None:
    mature_from = end_of(day) + reach
    as_of = published.run.as_of
    words = None
    if not live.has(day):
        words = f"its live rows up to {live.expired} have expired"
    elif as_of is not None and as_of < mature_from:
        words = f"its publication is as of {as_of:%Y-%m-%d %H:%MZ}, before its last window ended"
    elif live.as_of is None or live.as_of <= mature_from - MICROSECOND:
        words = f"the live table is as of {live.as_of}, before its last window ended"
    elif any(live.read.get(dataset, 0) < number for dataset, number in read.highest().items()):
        words = "the live table has not read all that the batch has"
    if words:
        raise InputsNotValidError(
            f"{contract.dataset} {day} cannot be compared: {words}.",
            next_step="Compare a mature day after the stream has come that far; `matinee stream status` says how far.",
            facts={"dataset": contract.dataset, "day": day, "live_as_of": live.as_of},
        )


def _joined(lake: Lake, session: SparkSession, contract: Contract, day: date, head: int) -> DataFrame:
    """Return a row for each key and live row: the key, and the row of either side as a struct, null where it lacks."""
    snapshots = {"batch": (contract.dataset, refs.head(lake.table(contract.dataset)))}
    snapshots["live"] = (live_name(contract.dataset), head)
    sides = []
    for side, (dataset, snapshot_id) in snapshots.items():
        table = pinned(session, lake.settings, dataset, snapshot_id)
        _refuse_other_schema(table.columns, contract, dataset)
        rows = table.where(F.col(contract.day_column or "") == F.lit(day))
        sides.append(rows.select(*contract.key_columns, F.struct(*contract.column_names).alias(side)))
    return sides[0].join(sides[1], on=list(contract.key_columns), how="full_outer")


def _refuse_other_schema(columns: Iterable[str], contract: Contract, dataset: str) -> None:
    lacking = sorted(set(contract.column_names) - set(columns))
    if lacking:
        raise InputsNotValidError(
            f"{dataset} cannot be compared: its newest commit has no {', '.join(lacking)}, as its contract does.",
            next_step="Compare after the next publication, and the next tick: they bring the tables to the contract.",
            facts={"dataset": dataset, "columns": lacking},
        )


def _compared(joined: DataFrame, contract: Contract, sources: Sources) -> DataFrame:
    """Return each key once, with the columns of `together`, by column whether it differs (0, 1), and `differs`."""
    both = F.col("batch").isNotNull() & F.col("live").isNotNull()
    same = {name: both & F.col(f"batch.{name}").eqNullSafe(F.col(f"live.{name}")) for name in contract.column_names}
    columns = [F.max((~equal).cast("int")).alias(f"not_{name}") for name, equal in same.items()]
    others = [name for name in sources.together if name not in contract.key_columns]
    together = [F.max(F.coalesce(f"batch.{name}", f"live.{name}")).alias(name) for name in others]
    by_key = joined.groupBy(*contract.key_columns).agg(*together, F.count("*").alias("copies"), *columns)
    # A key that the live table has twice differs, even where its rows agree.
    differs = F.greatest(F.lit(0), *(f"not_{name}" for name in same)) + F.col("copies") > 1
    return by_key.withColumn(DIFFERS, differs)


def _counts(caused: DataFrame, contract: Contract) -> dict[str, dict[str, int]]:
    """Return by cause how many rows differ (`rows`), and in how many each column does (`not_<column>`)."""
    columns = (F.sum(f"not_{name}").alias(f"not_{name}") for name in contract.column_names)
    by_cause = caused.groupBy("cause").agg(F.count("*").alias("rows"), *columns).orderBy("cause").collect()
    return {row["cause"]: {name: int(row[name]) for name in row.asDict() if name != "cause"} for row in by_cause}


def _scores(contract: Contract, counts: dict[str, dict[str, int]], scored: int) -> dict[str, float]:
    wrong = {name: sum(numbers[f"not_{name}"] for numbers in counts.values()) for name in contract.column_names}
    return {name: round(1 - count / scored, 9) if scored else 1.0 for name, count in wrong.items()}
