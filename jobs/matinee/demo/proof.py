"""The demo's proof: validity, conservation of rows and attributions, each compared with an independent source.

Independent means: the simulator's own counts (`counts.json`) and its recorded truth (`truth.csv`), where the landing
folder has them; both were written while the events were generated.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from matinee.days import day_range, end_of
from matinee.ledger.ledger import history
from matinee.report import Report, Rows
from matinee.stack.backfills import RunStates
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

CORE = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


@dataclass(frozen=True)
class Finding:
    """A check: its name, whether it holds, and the numbers."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True)
class Proof:
    """All checks, and the rows of each dataset over all days."""

    first: date
    last: date
    findings: tuple[Finding, ...]
    rows: dict[str, Rows]

    @property
    def holds(self) -> bool:
        """Whether every finding holds."""
        return all(finding.holds for finding in self.findings)


def prove(
    lake: Lake, folder: Path, landed: Sequence[Report], first: date, last: date, states: dict[str, RunStates]
) -> Proof:
    """Check what the demo made."""
    rows = {report_set: _landed_rows(landed, report_set) for report_set in ("raw.impressions", "raw.plays")}
    rows |= {dataset: _published_rows(lake, dataset, first, last) for dataset in CORE}
    findings = (
        *_runs(states),
        *_validity(lake, first, last),
        *_conservation(rows),
        *_counts(folder, rows),
        *_truth(lake, folder),
    )
    return Proof(first, last, findings, rows)


def _landed_rows(landed: Sequence[Report], dataset: str) -> Rows:
    counted = [report.rows for report in landed if report.dataset == dataset]
    return Rows.model_validate(
        {
            "in": sum(rows.read for rows in counted),
            "out": sum(rows.out for rows in counted),
            "quarantined": sum(rows.quarantined for rows in counted),
        }
    )


def _published_rows(lake: Lake, dataset: str, first: date, last: date) -> Rows:
    published = history(lake, dataset)
    counted = [newest.rows for day in day_range(first, last) if (newest := published.newest(day))]
    return Rows.model_validate(
        {
            "in": sum(rows.read for rows in counted),
            "out": sum(rows.out for rows in counted),
            "duplicate": sum(rows.duplicate for rows in counted),
        }
    )


def _runs(states: dict[str, RunStates]) -> Iterator[Finding]:
    for dag_id, keys in states.items():
        bad = [f"{key} {state}" for key, state in keys.items() if state != "success"]
        yield Finding(f"every run of {dag_id} succeeded", not bad, ", ".join(bad) or f"{len(keys)} keys")


def _validity(lake: Lake, first: date, last: date) -> Iterator[Finding]:
    validity = Validity(lake)
    for dataset in CORE:
        trust = validity.vtts(dataset)
        holds = trust.vtts == end_of(last) and validity.valid_from == first
        held = "; ".join(trust.held_by.lines()) if trust.held_by and not holds else f"VTTS {trust.vtts}"
        yield Finding(f"every day of {dataset} is published and valid", holds, held)


def _conservation(rows: dict[str, Rows]) -> Iterator[Finding]:
    for dataset, counted in rows.items():
        accounted = counted.out + counted.quarantined + counted.duplicate
        detail = f"{counted.read:,} = {counted.out:,} + {counted.quarantined:,} + {counted.duplicate:,}"
        name = f"{dataset}: rows in = out + quarantined + duplicates"
        yield Finding(name, counted.read == accounted, detail)
    for kind in ("impressions", "plays"):
        landed, read = rows[f"raw.{kind}"].out, rows[f"core.{kind}"].read
        yield Finding(f"core.{kind} read every landed row", landed == read, f"{landed:,} landed, {read:,} read")


def _counts(folder: Path, rows: dict[str, Rows]) -> Iterator[Finding]:
    path = folder / "counts.json"
    if not path.is_file():
        return
    counts = json.loads(path.read_text())
    for kind in ("impressions", "plays"):
        total: dict[str, Any] = counts["datasets"][f"raw.{kind}"]["total"]
        raw, core = rows[f"raw.{kind}"], rows[f"core.{kind}"]
        ours = {"events": core.out, "duplicates": core.duplicate, "broken": raw.quarantined}
        theirs = {"events": total["events"], "duplicates": total["duplicates"], "broken": _sum(total["broken"])}
        yield Finding(f"{kind}: published, duplicate and broken rows are the simulator's", ours == theirs, f"{ours}")


def _sum(value: object) -> int:
    return sum(int(part) for part in value.values()) if isinstance(value, dict) else int(str(value))


def _truth(lake: Lake, folder: Path) -> Iterator[Finding]:
    truth = _read_truth(folder)
    if truth is None:
        return
    attributed = _attributions(lake)
    last_touch = {play: row["truth_event_id"] or None for play, row in truth.items() if _is_last_touch(row)}
    right = sum(attributed.get(play, "") == event for play, event in last_touch.items())
    detail = f"{right:,} of {len(last_touch):,}"
    yield Finding("attributions equal the recorded truth", right == len(last_touch), detail)
    flagged = {play: row["truth_event_id"] for play, row in truth.items() if play not in last_touch}
    if flagged:
        other = sum(attributed.get(play) not in (None, event) for play, event in flagged.items())
        name = "plays that were picked before the last touch go to a later impression"
        yield Finding(name, other == len(flagged), f"{other:,} of {len(flagged):,}")


def _is_last_touch(row: dict[str, str]) -> bool:
    # Organic plays have no touch at all: the truth is that no impression wins them.
    return row.get("is_last_touch", "true").lower() == "true" or not row["truth_event_id"]


def _read_truth(folder: Path) -> dict[str, dict[str, str]] | None:
    for name, opened in (("truth.csv", open), ("truth.csv.gz", gzip.open)):
        if (folder / name).is_file():
            with opened(folder / name, "rt", newline="") as stream:
                return {row["play_id"]: row for row in csv.DictReader(stream)}
    return None


def _attributions(lake: Lake) -> dict[str, str | None]:
    table = lake.table("core.play_attributions").scan(selected_fields=("play_id", "event_id")).to_arrow()
    return dict(zip(table["play_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))
