"""Audits run: all counts in one query, samples only of what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import DataFrame, SparkSession

from matinee.audits.definitions import Audit
from matinee.contracts.checks import CompiledChecks
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


def run_checks(spark: SparkSession, compiled: CompiledChecks) -> tuple[Verdict, ...]:
    """Run a contract's checks on the view `candidate`: one query, one row, one bad-row count a check.

    What is proven passes without a question.
    """
    row = spark.sql(compiled.sql).collect()[0].asDict() if compiled.checks else {}
    counts = {check: int(row[check.name] or 0) for check in compiled.checks}
    for check in compiled.checks:
        if counts[check] and check.exact:
            counts[check] = int(spark.sql(check.exact).collect()[0]["bad_rows"])
    asked = tuple(
        Verdict(audit=check.name, severity=check.severity, verdict="fail" if bad else "pass", bad_rows=bad)
        for check, bad in counts.items()
    )
    detail = "by the statistics of the data files"
    proven = (Verdict(audit=one.name, severity=one.severity, verdict="pass", detail=detail) for one in compiled.proven)
    return (*proven, *asked)


def run_audits(
    spark: SparkSession, audits: Sequence[Audit], arguments: Mapping[str, Argument], evidence: Evidence
) -> tuple[Verdict, ...]:
    """Run audits on the registered views.

    Returns:
        One verdict an audit, in their order: `insufficient` where there is too little to judge by.
    """
    able = [audit for audit in audits if _enough(audit, evidence)]
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


def _enough(audit: Audit, evidence: Evidence) -> bool:
    return evidence.rows >= audit.min_rows and evidence.history_days >= audit.min_history_days


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
