"""Running audits: all counts in one query, samples only of audits that failed."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pyspark.sql import DataFrame, SparkSession

from matinee.audits.definitions import Audit
from matinee.contracts.checks import BUCKET, DAY, STAMP, CompiledChecks
from matinee.contracts.stamps import Stamps, stamp_of
from matinee.report import Verdict

SAMPLE_ROWS = 5
Argument = object


@dataclass(frozen=True)
class Evidence:
    """What there is to judge by: rows under audit and days of history before them."""

    rows: int
    history_days: int


def register(views: Mapping[str, DataFrame]) -> None:
    """Make the frames known to the audits' SQL: `candidate`, `history` and each input by its alias."""
    for name, frame in views.items():
        frame.createOrReplaceTempView(name)


@dataclass(frozen=True)
class Checked:
    """The verdicts of a contract's checks, and the stamps of the cells that have rows, by day."""

    verdicts: tuple[Verdict, ...]
    stamps: Mapping[date, Stamps]


def run_checks(spark: SparkSession, compiled: CompiledChecks) -> Checked:
    """Run a contract's checks on the view `candidate`, one bad-row count for each, and hash its rows in the same scan.

    Checks that are proven pass without a query.
    """
    cells = [row.asDict() for row in spark.sql(compiled.sql).collect()]
    counts = Counter[str]({check.name: 0 for check in compiled.checks})
    together = [spark.sql(compiled.whole).collect()[0].asDict()] if compiled.whole else []
    for row in (*cells, *together):
        counts.update({check.name: int(row.get(check.name) or 0) for check in compiled.checks})
    for check in compiled.checks:
        if counts[check.name] and check.exact:
            counts[check.name] = int(spark.sql(check.exact).collect()[0]["bad_rows"])
    asked = tuple(
        Verdict(audit=check.name, severity=check.severity, verdict="fail" if bad else "pass", bad_rows=bad)
        for check in compiled.checks
        for bad in (counts[check.name],)
    )
    detail = "by the statistics of the data files"
    proven = (
        Verdict(audit=check.name, severity=check.severity, verdict="pass", detail=detail) for check in compiled.proven
    )
    stamps: dict[date, dict[int | None, str]] = defaultdict(dict)
    for row in cells:
        stamps[row[DAY]][row[BUCKET]] = stamp_of(int(row[STAMP]))
    return Checked((*proven, *asked), stamps)


def run_audits(
    spark: SparkSession, audits: Sequence[Audit], arguments: Mapping[str, Argument], evidence: Evidence
) -> tuple[Verdict, ...]:
    """Run audits on the registered views.

    Returns:
        One verdict for each audit, in their order: `insufficient` where there is too little to judge by.
    """
    able = [
        audit for audit in audits if evidence.rows >= audit.min_rows and evidence.history_days >= audit.min_history_days
    ]
    counts = _count(spark, able, arguments)
    verdicts = []
    for audit in audits:
        if audit not in able:
            verdicts.append(_insufficient(audit, evidence))
            continue
        bad = counts[audit.name]
        sample = _sample(spark, audit, arguments) if bad else []
        verdict: Literal["fail", "pass"] = "fail" if bad else "pass"
        verdicts.append(
            Verdict(
                audit=audit.name,
                severity=audit.severity,
                verdict=verdict,
                bad_rows=bad,
                sample=sample,
                detail=audit.why,
            )
        )
    return tuple(verdicts)


def _insufficient(audit: Audit, evidence: Evidence) -> Verdict:
    detail = (
        f"needs {audit.min_rows} rows and {audit.min_history_days} days of history, "
        f"has {evidence.rows} and {evidence.history_days}"
    )
    return Verdict(audit=audit.name, severity=audit.severity, verdict="insufficient", detail=detail)


def _count(spark: SparkSession, audits: Sequence[Audit], arguments: Mapping[str, Argument]) -> dict[str, int]:
    if not audits:
        return {}
    parts = [f"SELECT '{audit.name}' AS audit, count(*) AS bad_rows FROM (\n{audit.sql}\n)" for audit in audits]
    sql = "\nUNION ALL\n".join(parts)
    rows = spark.sql(sql, args=dict(arguments)).collect()
    return {row["audit"]: int(row["bad_rows"]) for row in rows}


def _sample(spark: SparkSession, audit: Audit, arguments: Mapping[str, Argument]) -> list[dict[str, str | None]]:
    rows = spark.sql(audit.sql, args=dict(arguments)).limit(SAMPLE_ROWS).collect()
    return [{name: None if value is None else str(value) for name, value in row.asDict().items()} for row in rows]
