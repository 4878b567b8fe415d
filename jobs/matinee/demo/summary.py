"""What the demo shows at its end: rows, audits, freshness, take rates, time, and where to look next."""

import json
from collections.abc import Mapping, Sequence

from rich.table import Table

from matinee.cli.output import OUT, cell
from matinee.demo.proof import CORE, Proof
from matinee.ledger.ledger import history
from matinee.report import Report, Verdict
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

SHOWN_ROWS, SHOWN_POSITIONS = 6, 10


def print_summary(lake: Lake, proof: Proof, landed: Sequence[Report], seconds: Mapping[str, float]) -> None:
    """Print the summary of a demo."""
    _rows(lake, proof)
    _quarantine(landed)
    _take_rates(lake)
    _table("Time", ("step", "seconds"), [(name, f"{value:.1f}") for name, value in seconds.items()])
    _table(
        "Checks",
        ("check", "holds", "numbers"),
        [(f.name, "yes" if f.holds else "NO", f.detail) for f in proof.findings],
    )
    OUT.print("Look next: make up for Airflow's page of each DAG, its runs and its runbook;")
    OUT.print("  matinee vtts explain core.impression_plays   why it can be trusted no longer than that")
    OUT.print("  matinee publications list core.plays         what was published, from what, judged how")
    OUT.print('  matinee query "SELECT label, count(*) FROM core.impression_plays GROUP BY label"')


def _rows(lake: Lake, proof: Proof) -> None:
    validity = Validity(lake)
    rows = []
    for dataset, counted in proof.rows.items():
        trust = validity.vtts(dataset)
        numbers = (counted.read, counted.out, counted.quarantined, counted.duplicate)
        audits = _audits(lake, dataset, proof) if dataset in CORE else "-"
        rows.append((dataset, *(f"{n:,}" for n in numbers), audits, cell(trust.vtts), cell(trust.mature_through)))
    header = ("dataset", "rows in", "out", "quarantined", "duplicate", "audits", "VTTS", "mature through")
    _table(f"{proof.first} to {proof.last}", header, rows)


def _audits(lake: Lake, dataset: str, proof: Proof) -> str:
    published = history(lake, dataset)
    verdicts: list[Verdict] = []
    for day in {record.day for record in published.all() if proof.first <= record.day <= proof.last}:
        newest = published.newest(day)
        verdicts += newest.verdicts if newest else ()
    counts = {kind: sum(v.verdict == kind for v in verdicts) for kind in ("pass", "fail", "insufficient")}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _quarantine(landed: Sequence[Report]) -> None:
    reasons: dict[tuple[str, str], int] = {}
    for report in landed:
        for reason, count in json.loads(str(report.details.get("reasons", "{}"))).items():
            key = (report.dataset, reason)
            reasons[key] = reasons.get(key, 0) + int(count)
    if reasons:
        rows = [(dataset, reason, f"{count:,}") for (dataset, reason), count in sorted(reasons.items())]
        _table("Quarantined lines", ("dataset", "reason", "lines"), rows)


def _take_rates(lake: Lake) -> None:
    import pyarrow.compute as pc

    table = lake.table("core.impression_plays").scan(selected_fields=("row", "position", "plays")).to_arrow()
    taken = table.append_column("taken", pc.greater(table["plays"], 0).cast("int32"))
    grouped = taken.group_by(["row", "position"]).aggregate([("taken", "sum"), ("taken", "count")]).to_pylist()
    rates = {(g["row"], g["position"]): g["taken_sum"] / g["taken_count"] for g in grouped}
    rows = sorted({row for row, _ in rates})[:SHOWN_ROWS]
    positions = sorted({position for _, position in rates})[:SHOWN_POSITIONS]
    body = [(f"row {row}", *(_percent(rates.get((row, position))) for position in positions)) for row in rows]
    _table("Take rate by row and position", ("", *(str(position) for position in positions)), body)


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
