"""Landing a micro-batch: its records become rows of a raw table and of the quarantine, each exactly once.

Each table's last commit says which offsets the table holds. A batch that comes again, or with other bounds (after a
lost checkpoint or a kill), adds only the records beyond these offsets; the two tables may be at different offsets.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.model import RECEIVED, Contract
from matinee.days import instant_of, start_of
from matinee.engine.tables.spark_tables import append
from matinee.landing import landed_files, offsets
from matinee.landing import records as rows_of
from matinee.landing.batches import landing
from matinee.landing.checks import MAX_SKEW
from matinee.landing.model import QUARANTINE, Landing
from matinee.table.catalog import Lake


@dataclass(frozen=True)
class Landed:
    """What a micro-batch brought for a raw dataset, beyond what its tables held.

    Attributes:
        rows: records, good and bad; bad: those that were quarantined.
        oldest: when the source got the record that has waited longest.
        offsets: the next offset of each partition that had records.
    """

    rows: int = 0
    bad: int = 0
    oldest: datetime | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Noted:
    """What the commits of a batch note of it: see `Landing`."""

    query_id: str
    batch_ts: str
    topic_id: str
    max_line_bytes: int


def land_batch(
    lake: Lake, contract: Contract, lines: DataFrame, at: datetime, query_id: str = "", topic_id: str = ""
) -> Landed:
    """Land the records of a batch that a raw dataset and its quarantine do not hold yet.

    Args:
        lake: the lake.
        contract: of the raw dataset.
        lines: file (`topic/partition`), line (the offset), payload, landed_ts (when the broker got it).
        at: when the batch is landed: no record was landed later, whatever its broker says.
        query_id: of the query of Structured Streaming; the commits name it.
        topic_id: the identity of the topic; the commits name it.

    Raises:
        ConservationError: records in are not rows landed and quarantined.
        CommitConflictError: others landed each time.
        LeaseHeldError: others landed all the time.
    """
    noted = _Noted(query_id, at.isoformat(), topic_id, lake.settings.landing.max_line_bytes)
    for table in (contract.dataset, QUARANTINE):
        lake.ensure(table)
    # Files that are landed meanwhile would take the same landing numbers.
    with landing(lake, contract.dataset):
        return _land_batch(lake, contract, lines, at, noted)


def _land_batch(lake: Lake, contract: Contract, lines: DataFrame, at: datetime, noted: _Noted) -> Landed:
    dataset = contract.dataset
    good, bad = (offsets.landed_through(lake, table, dataset) for table in (dataset, QUARANTINE))
    first = {name: min(good[name], bad.get(name, good[name])) for name in good}
    begun = offsets.last_streamed(lake, QUARANTINE, dataset)
    # A record was landed when the broker got it, but not later than its batch.
    latest = _limit(begun, at, datetime.fromisoformat(begun.batch_ts) if begun and begun.batch_ts else None)
    longest = _limit(begun, noted.max_line_bytes, begun.max_line_bytes if begun else None)
    bounded = lines.where(_beyond(first)).withColumn("landed_ts", F.least("landed_ts", latest))
    parsed = rows_of.parse(bounded, contract, longest).persist()
    try:
        parts = _parts(parsed, contract, good, bad)
        rejected = [part for part in parts if part["beyond_bad"] and part["reason"] is not None]
        new = [part for part in parts if part["beyond_good"]]
        if rejected:
            told = _landing(dataset, rejected, bad, _unknown(parsed, rejected), noted)
            landed_files.commit(lake, QUARANTINE, told, partial(_write_bad, lake, parsed, bad))
        faults.reach("stream.after_quarantine")
        if new:
            told = _landing(dataset, new, good, _unknown(parsed, new), noted)
            landed_files.commit(lake, dataset, told, partial(_write_good, lake, parsed, good))
        faults.reach("stream.after_raw")
    finally:
        parsed.unpersist()
    return _landed(new)


def _beyond(reached: Mapping[str, int]) -> Column:
    """Return the predicate that a record lies beyond the offsets that were reached."""
    below = (~((F.col("file") == name) & (F.col("line") < until)) for name, until in sorted(reached.items()))
    return reduce(Column.__and__, below, F.lit(True))


def _limit(begun: Landing | None, now: datetime | int, then: datetime | int | None) -> Column:
    """Return a limit that records are judged by: a record that an earlier batch judged keeps that batch's limit.

    Else the record could be both quarantined and landed, or neither. A limit that the batch did not note is as of now.
    """
    if begun is None or not then:
        return F.lit(now)
    return F.when(_beyond(begun.through), F.lit(now)).otherwise(F.lit(then))


def _parts(parsed: DataFrame, contract: Contract, good: Mapping[str, int], bad: Mapping[str, int]) -> list[Row]:
    """Return the counts of a batch: a row for each partition, reason, and whether each table lacks the records."""
    received = F.least(RECEIVED, "landed_ts")
    # A bad record may state any received time; a time before the earliest event cannot be right.
    known = F.greatest(received, F.lit(start_of(contract.earliest_event)))
    allowed = F.make_dt_interval(secs=F.lit(contract.duration(MAX_SKEW).total_seconds()))
    by = (_beyond(good).alias("beyond_good"), _beyond(bad).alias("beyond_bad"), "file", "reason")
    return (
        parsed.groupBy(*by)
        .agg(
            F.min("line").alias("first"),
            F.max("line").alias("last"),
            F.count("*").alias("rows"),
            F.count_if(F.size("unknown") > 0).alias("unknown"),
            F.count_if(F.col(contract.event_time) > received + allowed).alias("skewed"),
            F.unix_micros(F.min("landed_ts")).alias("oldest_us"),
            F.unix_micros(F.max(known)).alias("received_us"),
        )
        .orderBy("file", "reason")
        .collect()
    )


def _unknown(parsed: DataFrame, parts: Iterable[Row]) -> Mapping[str, int]:
    """Return how many records have fields that the contract lacks, by field; queried only if some have."""
    return rows_of.unknown_fields(parsed) if any(part["unknown"] for part in parts) else {}


def _landed(parts: list[Row]) -> Landed:
    return Landed(
        rows=sum(part["rows"] for part in parts),
        bad=sum(_reasons(parts).values()),
        oldest=min((instant_of(part["oldest_us"]) for part in parts), default=None),
        offsets=_through(parts),
    )


def _reasons(parts: Iterable[Row]) -> Counter[str]:
    """Return how many records are bad, by reason."""
    reasons: Counter[str] = Counter()
    for part in parts:
        if part["reason"] is not None:
            reasons[part["reason"]] += part["rows"]
    return reasons


def _through(parts: Iterable[Row]) -> dict[str, int]:
    return {part["file"]: part["last"] + 1 for part in sorted(parts, key=lambda part: int(part["last"]))}


def _landing(
    dataset: str, parts: list[Row], reached: Mapping[str, int], unknown: Mapping[str, int], noted: _Noted
) -> Landing:
    """Return the landing of a table: which offsets it gets, and how many good and bad rows."""
    through = _through(parts)
    first = {name: min(part["first"] for part in parts if part["file"] == name) for name in sorted(through)}
    name = ",".join(f"{file}:{first[file]}-{through[file]}" for file in first)
    rows_in, reasons = sum(part["rows"] for part in parts), _reasons(parts)
    return Landing(
        dataset=dataset,
        file=name,
        sha256=offsets.range_id(dataset, name, noted.topic_id),
        rows_in=rows_in,
        rows_landed=rows_in - reasons.total(),
        rows_quarantined=reasons.total(),
        unknown_fields=dict(unknown),
        received_ts=max(instant_of(part["received_us"]) for part in parts),
        reasons=dict(reasons),
        skewed=sum(part["skewed"] for part in parts),
        after=dict(reached),
        through={**reached, **through},
        **vars(noted),
    )


def _write_bad(lake: Lake, parsed: DataFrame, reached: Mapping[str, int], landing: Landing) -> None:
    contract = lake.registry.get(QUARANTINE)
    rows = rows_of.quarantined_rows(parsed.where(_beyond(reached)), contract, landing.dataset, landing.landing_seq)
    append(rows, lake.settings, QUARANTINE, landing.branch, landing.to_summary())


def _write_good(lake: Lake, parsed: DataFrame, reached: Mapping[str, int], landing: Landing) -> None:
    contract = lake.registry.get(landing.dataset)
    rows = rows_of.landed_rows(parsed.where(_beyond(reached)), contract, landing.landing_seq)
    append(rows, lake.settings, landing.dataset, landing.branch, landing.to_summary())
