"""Landing a micro-batch: its records become rows of a raw table and of the quarantine, each exactly once.

Each table's last commit says which offsets it holds. A batch that comes again, or whose bounds are others than they
were (a lost checkpoint, a kill), adds what lies beyond them and no more; the tables may be at different offsets.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.model import Contract
from matinee.engine.tables.spark_tables import append
from matinee.landing import landed_files, offsets
from matinee.landing import parse as rows_of
from matinee.landing.checks import MAX_SKEW
from matinee.landing.model import QUARANTINE, Landing
from matinee.table.catalog import Lake


@dataclass(frozen=True)
class Landed:
    """What a micro-batch brought for a raw dataset, beyond what its tables held.

    Attributes:
        rows: records, good and bad; bad: those that were quarantined.
        oldest: when the source got the record that has waited longest.
        offsets: the next one of each partition that had records.
    """

    rows: int = 0
    bad: int = 0
    oldest: datetime | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)


def land_batch(lake: Lake, contract: Contract, lines: DataFrame, query_id: str = "") -> Landed:
    """Land the records of a batch that a raw dataset and its quarantine do not hold yet.

    Args:
        lake: the lake.
        contract: of the raw dataset.
        lines: file (`topic/partition`), line (the offset), payload, landed_ts.
        query_id: of the query of Structured Streaming; the commits name it.

    Raises:
        ConservationError: records in are not rows landed and quarantined.
        CommitConflictError: others landed each time.
    """
    dataset = contract.dataset
    for table in (dataset, QUARANTINE):
        lake.ensure(table)
    good, bad = (offsets.landed_through(lake, table, dataset) for table in (dataset, QUARANTINE))
    first = {name: min(good[name], bad.get(name, good[name])) for name in good}
    parsed = rows_of.parse(lines.where(_beyond(first)), contract).persist()
    try:
        parts = _parts(parsed, contract, good, bad)
        rejected = [part for part in parts if part["beyond_bad"] and part["reason"] is not None]
        new = [part for part in parts if part["beyond_good"]]
        if rejected:
            landing = _landing(dataset, rejected, bad, query_id, _unknown(parsed, rejected))
            landed_files.commit(lake, QUARANTINE, landing, partial(_write_bad, lake, parsed, bad))
        faults.reach("stream.after_quarantine")
        if new:
            landing = _landing(dataset, new, good, query_id, _unknown(parsed, new))
            landed_files.commit(lake, dataset, landing, partial(_write_good, lake, parsed, good))
        faults.reach("stream.after_raw")
    finally:
        parsed.unpersist()
    return _landed(new)


def _beyond(reached: Mapping[str, int]) -> Column:
    """Return the predicate that a record lies beyond the offsets that were reached."""
    below = (~((F.col("file") == name) & (F.col("line") < until)) for name, until in sorted(reached.items()))
    return reduce(Column.__and__, below, F.lit(True))


def _parts(parsed: DataFrame, contract: Contract, good: Mapping[str, int], bad: Mapping[str, int]) -> list[Row]:
    """Return what is in the batch: a row a partition, reason, and whether each table is still to get it."""
    received = F.least(rows_of.RECEIVED, "landed_ts")
    allowed = F.make_dt_interval(secs=F.lit(contract.duration(MAX_SKEW).total_seconds()))
    by = (_beyond(good).alias("beyond_good"), _beyond(bad).alias("beyond_bad"), "file", "reason")
    return (
        parsed.groupBy(*by)
        .agg(
            F.min("line").alias("first"),
            F.max("line").alias("last"),
            F.count("*").alias("rows"),
            F.count_if(F.size("unknown") > 0).alias("unknown"),
            F.count_if(F.col(rows_of.event_time(contract)) > received + allowed).alias("skewed"),
            F.unix_micros(F.min("landed_ts")).alias("oldest_us"),
            F.unix_micros(F.max(received)).alias("received_us"),
        )
        .orderBy("file", "reason")
        .collect()
    )


def _unknown(parsed: DataFrame, parts: Iterable[Row]) -> Mapping[str, int]:
    """Return how many records have fields that the contract lacks, by field; a look of its own where some do."""
    return rows_of.count(parsed).unknown_fields if any(part["unknown"] for part in parts) else {}


def _landed(parts: list[Row]) -> Landed:
    return Landed(
        rows=sum(part["rows"] for part in parts),
        bad=sum(_reasons(parts).values()),
        oldest=min((_instant(part["oldest_us"]) for part in parts), default=None),
        offsets=_through(parts),
    )


def _reasons(parts: Iterable[Row]) -> Counter[str]:
    """Return how many records are bad, by reason."""
    found: Counter[str] = Counter()
    for part in parts:
        if part["reason"] is not None:
            found[part["reason"]] += part["rows"]
    return found


def _instant(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def _through(parts: Iterable[Row]) -> dict[str, int]:
    return {part["file"]: part["last"] + 1 for part in sorted(parts, key=lambda part: int(part["last"]))}


def _landing(
    dataset: str, parts: list[Row], reached: Mapping[str, int], query_id: str, unknown: Mapping[str, int]
) -> Landing:
    """Return what a table is to get: which offsets, how many rows good and bad."""
    through = _through(parts)
    first = {name: min(part["first"] for part in parts if part["file"] == name) for name in sorted(through)}
    name = ",".join(f"{file}:{first[file]}-{through[file]}" for file in first)
    rows_in, reasons = sum(part["rows"] for part in parts), _reasons(parts)
    return Landing(
        dataset=dataset,
        file=name,
        sha256=hashlib.sha256(f"{dataset}\n{name}".encode()).hexdigest(),
        rows_in=rows_in,
        rows_landed=rows_in - reasons.total(),
        rows_quarantined=reasons.total(),
        unknown_fields=dict(unknown),
        received_ts=max(_instant(part["received_us"]) for part in parts),
        reasons=dict(reasons),
        skewed=sum(part["skewed"] for part in parts),
        after=dict(reached),
        through={**reached, **through},
        query_id=query_id,
    )


def _write_bad(lake: Lake, parsed: DataFrame, reached: Mapping[str, int], landing: Landing) -> None:
    contract = lake.registry.get(QUARANTINE)
    rows = rows_of.quarantined_rows(parsed.where(_beyond(reached)), contract, landing.dataset, landing.landing_seq)
    append(rows, lake.settings, QUARANTINE, landing.branch, landing.to_summary())


def _write_good(lake: Lake, parsed: DataFrame, reached: Mapping[str, int], landing: Landing) -> None:
    contract = lake.registry.get(landing.dataset)
    rows = rows_of.landed_rows(parsed.where(_beyond(reached)), contract, landing.landing_seq)
    append(rows, lake.settings, landing.dataset, landing.branch, landing.to_summary())
