"""The landing folder that the simulator writes."""

import csv
import gzip
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from matinee.errors import UsageError
from matinee.sources.simulator import SimulationSummary, SimulatorOptions, generate, simulate
from matinee.sources.simulator.options import FileFormat

OPTIONS = SimulatorOptions(
    days=2, profiles=150, seed=3, broken_share=0.02, late_share=0.05, incomplete_file_share=0.5, lines_per_file=4_000
)
TIME = {"impressions": "event_ts", "plays": "start_ts"}
REQUIRED = {
    "impressions": {"event_id", "profile_id", "title_id", "row", "position", "event_ts"},
    "plays": {"play_id", "profile_id", "title_id", "start_ts"},
}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(OPTIONS, tmp_path_factory.mktemp("landing") / "set")


def lines_of(path: Path) -> list[bytes]:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).splitlines(keepends=True)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def reason(name: str, line: bytes) -> str | None:
    """Why a line is broken, judged by its text alone."""
    if not line.endswith(b"\n"):
        return "incomplete_line"
    try:
        event: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return "malformed_json"
    if not event.keys() >= REQUIRED[name]:
        return "missing_field"
    if "unknown" in (event.get("row"), event.get("duration_s")):
        return "wrong_type"
    if (event.get("duration_s") or 0) < 0:
        return "negative_duration"
    time = instant(event[TIME[name]])
    if time.year < 2000:
        return "event_before_earliest"
    return "event_after_received" if time > instant(event["received_ts"]) + timedelta(days=1) else None


def good_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    files = sorted(folder.glob(f"{name}-*.jsonl"))
    return [json.loads(line) for file in files for line in lines_of(file) if reason(name, line) is None]


@pytest.mark.parametrize("file_format", ["ndjson", "ndjson.gz", "parquet"])
def test_the_same_options_write_the_same_bytes(tmp_path: Path, file_format: FileFormat) -> None:
    options = replace(OPTIONS, file_format=file_format)
    simulate(options, tmp_path / "a")
    simulate(options, tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_another_seed_writes_other_events(landing: SimulationSummary, tmp_path: Path) -> None:
    simulate(replace(OPTIONS, seed=4), tmp_path / "other")
    ids = {event["event_id"] for event in good_lines(landing.folder, "impressions")}
    assert not ids & {event["event_id"] for event in good_lines(tmp_path / "other", "impressions")}


@pytest.mark.parametrize("name", ["impressions", "plays"])
def test_the_counts_of_each_file_are_those_of_its_lines(landing: SimulationSummary, name: str) -> None:
    counted = landing.datasets[f"raw.{name}"].files
    assert set(counted) == {path.name for path in landing.folder.glob(f"{name}-*")}
    for file, counts in counted.items():
        lines = lines_of(landing.folder / file)
        assert counts.lines == len(lines)
        assert counts.broken == sum(reason(name, line) is not None for line in lines)


@pytest.mark.parametrize("name", ["impressions", "plays"])
def test_broken_lines_are_counted_by_their_reason(landing: SimulationSummary, name: str) -> None:
    files = landing.folder.glob(f"{name}-*.jsonl")
    broken = Counter(why for file in files for line in lines_of(file) if (why := reason(name, line)))
    assert broken == landing.datasets[f"raw.{name}"].total.broken
    assert len(broken) == (6 if name == "impressions" else 7)


@pytest.mark.parametrize("name", ["impressions", "plays"])
def test_events_and_duplicates_of_each_day_are_those_of_the_good_lines(landing: SimulationSummary, name: str) -> None:
    rows: Counter[str] = Counter()
    distinct: dict[str, set[str]] = {}
    for event in good_lines(landing.folder, name):
        day = event[TIME[name]][:10]
        rows[day] += 1
        distinct.setdefault(day, set()).add(next(iter(event.values())))
    for day, counts in landing.datasets[f"raw.{name}"].days.items():
        assert counts.events == len(distinct[day.isoformat()])
        assert counts.events + counts.duplicates == rows[day.isoformat()]


def test_lines_in_are_landed_and_quarantined_lines(landing: SimulationSummary) -> None:
    for counts in landing.datasets.values():
        total = counts.total
        assert sum(file.lines for file in counts.files.values()) == total.sent_lines
        assert total.sent_lines == total.events + total.duplicates + sum(total.broken.values())


def test_the_counts_file_says_what_the_summary_says(landing: SimulationSummary) -> None:
    content = json.loads((landing.folder / "counts.json").read_text())
    for name, counts in landing.datasets.items():
        assert content["datasets"][name]["total"]["sent_lines"] == counts.total.sent_lines
        assert set(content["datasets"][name]["days"]) == {"2026-03-01", "2026-03-02"}
    assert content["truth"]["plays"] == landing.truth.plays


def test_a_manifest_declares_the_good_lines_of_its_event_day(landing: SimulationSummary) -> None:
    for day in ("2026-03-01", "2026-03-02"):
        declared = [json.loads(line) for line in lines_of(landing.folder / f"manifest-{day}.json")]
        rows = {
            f"raw.{name}": sum(event[TIME[name]][:10] == day for event in good_lines(landing.folder, name))
            for name in ("impressions", "plays")
        }
        assert declared == [
            {"dataset": name, "day": day, "expected_rows": expected, "closed": True} for name, expected in rows.items()
        ]


def test_files_hold_the_lines_of_their_arrival_day(landing: SimulationSummary) -> None:
    for file in landing.folder.glob("*.jsonl"):
        name, day = file.name.split("-", 1)[0], file.name.split("-", 1)[1][:10]
        arrived = {json.loads(line)["received_ts"][:10] for line in lines_of(file) if reason(name, line) is None}
        assert arrived == {day}


def test_late_uploads_reach_files_of_later_arrival_days(landing: SimulationSummary) -> None:
    days = {path.name[12:22] for path in landing.folder.glob("impressions-*")}
    assert max(days) == "2026-03-03"
    assert any(event["start_ts"][:10] < event["received_ts"][:10] for event in good_lines(landing.folder, "plays"))


def test_lines_of_a_file_are_not_in_the_order_of_their_events(landing: SimulationSummary) -> None:
    lines = lines_of(landing.folder / "impressions-2026-03-01-01.jsonl")
    times = [json.loads(line)["event_ts"] for line in lines if reason("impressions", line) is None]
    assert times != sorted(times)


def test_no_file_has_more_lines_than_asked_for_besides_a_cut_one(landing: SimulationSummary) -> None:
    for counts in landing.datasets.values():
        assert max(file.lines for file in counts.files.values()) <= OPTIONS.lines_per_file + 1


def test_the_truth_names_landed_impressions_of_landed_plays(landing: SimulationSummary) -> None:
    shown = {event["event_id"] for event in good_lines(landing.folder, "impressions")}
    played = {event["play_id"] for event in good_lines(landing.folder, "plays")}
    with (landing.folder / "truth.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    assert {row["play_id"] for row in truth} == played
    assert {row["truth_event_id"] for row in truth} - {""} <= shown
    assert sum(row["truth_event_id"] == "" for row in truth) == landing.truth.organic
    flagged = [row for row in truth if row["truth_event_id"] and row["is_last_touch"] == "false"]
    assert len(flagged) == landing.truth.not_last_touch


def test_a_line_says_what_the_event_in_memory_says(landing: SimulationSummary) -> None:
    by_id = {row["play_id"]: row for row in generate(OPTIONS).plays.to_arrow().to_pylist()}
    counted = Counter(event["play_id"] for event in good_lines(landing.folder, "plays"))
    for event in good_lines(landing.folder, "plays"):
        if counted[event["play_id"]] == 1:
            event |= {name: instant(event[name]) for name in ("start_ts", "received_ts")}
            assert event == by_id[event["play_id"]]


def test_all_shares_at_nought_write_clean_files(tmp_path: Path) -> None:
    tidy = replace(
        OPTIONS,
        duplicate_share=0.0,
        broken_share=0.0,
        incomplete_file_share=0.0,
        late_share=0.0,
        out_of_order_share=0.0,
        organic_share=0.0,
    )
    summary = simulate(tidy, tmp_path / "tidy")
    for name, counts in summary.datasets.items():
        assert counts.total.sent_lines == counts.total.events
        assert len(good_lines(summary.folder, name.removeprefix("raw."))) == counts.total.events
    assert summary.truth.organic == 0


def test_packed_files_hold_the_same_lines(landing: SimulationSummary, tmp_path: Path) -> None:
    packed = simulate(replace(OPTIONS, file_format="ndjson.gz"), tmp_path / "packed")
    for file in landing.folder.glob("*.jsonl"):
        assert lines_of(packed.folder / f"{file.name}.gz") == lines_of(file)


def test_parquet_files_add_up_without_the_defects_they_cannot_hold(tmp_path: Path) -> None:
    summary = simulate(replace(OPTIONS, file_format="parquet"), tmp_path / "parquet")
    for counts in summary.datasets.values():
        read = {name: pq.read_table(summary.folder / name) for name in counts.files}
        assert {name: len(table) for name, table in read.items()} == {n: f.lines for n, f in counts.files.items()}
        assert not set(counts.total.broken) & {"malformed_json", "wrong_type", "incomplete_line"}
        required = ("profile_id", "title_id")
        missing = sum(table[name].null_count for table in read.values() for name in required)
        assert 0 < missing <= counts.total.broken["missing_field"]


def test_a_folder_with_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not an empty folder"):
        simulate(OPTIONS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_names_of_many_files_sort_by_arrival(tmp_path: Path) -> None:
    summary = simulate(replace(OPTIONS, days=1, lines_per_file=20), tmp_path / "many")
    files = [name for name in summary.datasets["raw.impressions"].files if "2026-03-01" in name]
    assert len(files) > 100
    assert files == sorted(files)
    assert np.unique([len(name) for name in files]).size == 1
