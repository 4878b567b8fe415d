"""Rows of landed files on Spark: what lands, and what goes to the quarantine with which line and reason."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from matinee.landing.ingest import ingest
from matinee.landing.parsing.text import NO_TEXT
from matinee.report import Report
from matinee.settings import Settings, load_settings
from matinee.sources.simulator import SimulatorOptions, simulate
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark

LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
IMPRESSION: dict[str, Any] = {
    "event_id": "e1",
    "profile_id": "ana",
    "title_id": "t1",
    "row": 1,
    "position": 2,
    "event_ts": "2026-03-01T12:00:00.000001Z",
}
PLAY: dict[str, Any] = {
    "play_id": "p1",
    "profile_id": "ana",
    "title_id": "t1",
    "start_ts": "2026-03-01T12:05:00Z",
    "duration_s": 61.5,
}

GOOD_IMPRESSIONS = {
    "plain": {},
    "nulls": {"device": None, "country": None, "page_id": None, "app_version": None, "received_ts": None},
    "offset": {"event_ts": "2026-03-02T01:30:00+05:30"},
    "nanoseconds": {"event_ts": "2026-03-01T12:00:00.123456789Z"},
    "a day early": {"event_ts": "2026-03-02T20:00:00Z"},
    "earliest": {"event_ts": "2000-01-01T00:00:00Z"},
    "own received_ts": {"received_ts": "2026-02-20T00:00:00Z", "event_ts": "2026-02-21T00:00:00Z"},
    "received by a clock that is ahead": {"received_ts": "2026-03-01T20:10:00Z"},
    "unknown": {"ab_test": "b", "screen": {"w": 1}},
    "unknown too": {"ab_test": None, "landing_seq": 99},
    "unicode": {"title_id": "Amélie ☂"},
    "astral": {"title_id": "a \U0001f3ac\U0001f3ac"},
    "words of an escape": {"title_id": "\\ud83c\\\\ud83d"},
    "half a pair elsewhere": {"note \ud83c": ["\ud83d"]},
}
BAD_IMPRESSIONS: list[tuple[str, bytes | dict[str, Any]]] = [
    ("blank_line", b""),
    ("blank_line", b"  \r"),
    ("malformed_json", b'{"event_id": "e1", '),
    ("malformed_json", b"[1]"),
    ("malformed_json", b'"e1"'),
    ("malformed_json", b"null"),
    ("malformed_json", b"NaN"),
    ("malformed_json", b'{"event_id":"\xff"}'),
    ("malformed_json", b'{"row":1,"row":2}'),
    ("malformed_json", json.dumps(IMPRESSION).encode() * 2),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b"," + json.dumps(IMPRESSION).encode()),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b"} x"),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b',"more":' + json.dumps(IMPRESSION).encode()),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b',"end":0} x'),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b",0] x"),
    ("malformed_json", json.dumps(IMPRESSION).encode() + b" garbage"),
    ("malformed_json", b'{"a\\ud800":1,"a\\ud801":2}'),
    ("malformed_json", b'{"event_id":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    ("missing_event_id", b"{}"),
    ("missing_event_id", {"event_id": None}),
    ("missing_position", {"position": None}),
    ("missing_event_ts", {"event_ts": None}),
    ("wrong_type_event_id", {"event_id": 7}),
    ("wrong_type_profile_id", {"profile_id": ["ana"]}),
    ("wrong_type_profile_id", {"profile_id": "ana\ud83d"}),
    ("wrong_type_profile_id", {"profile_id": "\ude00\ud83d"}),
    ("wrong_type_title_id", {"title_id": "\U0001f3ac\udfac"}),
    ("wrong_type_device", {"device": "\\\udfac"}),
    ("wrong_type_row", {"row": "1"}),
    ("wrong_type_row", {"row": 1.0}),
    ("wrong_type_row", {"row": True}),
    ("wrong_type_row", {"row": 2**31}),
    ("wrong_type_event_ts", {"event_ts": 1772366400}),
    ("wrong_type_event_ts", {"event_ts": "yesterday"}),
    ("wrong_type_event_ts", {"event_ts": "2026-02-30T12:00:00Z"}),
    ("wrong_type_event_ts", {"event_ts": "2026-03-01T12:00:00"}),
    ("wrong_type_event_ts", {"event_ts": "2026-03-01"}),
    ("wrong_type_device", {"device": {"kind": "tv"}}),
    ("wrong_type_received_ts", {"received_ts": "now"}),
    ("blank_profile_id", {"profile_id": " "}),
    ("day_out_of_range", {"event_ts": "9999-12-31T12:00:00Z"}),
    ("day_out_of_range", {"event_ts": "9999-12-31T12:00:00Z", "received_ts": "9999-12-31T12:00:00Z"}),
    ("day_out_of_range", {"event_ts": "9999-12-31T23:59:59-18:00", "received_ts": "9999-12-31T23:59:59-18:00"}),
    ("day_out_of_range", {"event_ts": "0001-01-01T00:00:00Z", "received_ts": "0001-01-01T00:00:00Z"}),
    ("day_out_of_range", {"event_ts": "0001-01-01T00:00:00+18:00", "received_ts": "0001-01-01T00:00:00+18:00"}),
    ("received_in_future", {"received_ts": "2026-03-01T20:10:00.000001Z"}),
    ("received_in_future", {"received_ts": "2099-01-01T00:00:00Z", "event_ts": "2099-01-01T00:00:00Z"}),
    ("received_in_future", {"received_ts": "9999-12-31T23:59:59-18:00"}),
    ("event_in_future", {"event_ts": "2026-03-02T20:00:00.000001Z"}),
    ("event_in_future", {"received_ts": "2026-02-27T00:00:00Z"}),
    ("before_earliest_event", {"event_ts": "1999-12-31T23:59:59.999999Z"}),
    ("out_of_range_row", {"row": 0}),
    ("out_of_range_position", {"position": -1}),
]


def line(base: dict[str, Any], change: bytes | dict[str, Any]) -> bytes:
    return change if isinstance(change, bytes) else json.dumps(base | change).encode()


def rows_of(settings: Settings, dataset: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = Lake.open(settings).table(dataset).scan().to_arrow().to_pylist()
    return records


def land(settings: Settings, path: Path, content: bytes) -> Report:
    path.write_bytes(content)
    return ingest(settings, None, [path], LANDED)[0]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, spark_remote: str) -> tuple[Settings, Report]:
    """A lake with one file: every bad line, then every good one."""
    folder = tmp_path_factory.mktemp("mixed")
    settings = load_settings(home=folder / "home", catalog="embedded", spark_remote=spark_remote)
    bad = [line(IMPRESSION, change) for _, change in BAD_IMPRESSIONS]
    good = [line(IMPRESSION, {"event_id": name} | change) for name, change in GOOD_IMPRESSIONS.items()]
    return settings, land(settings, folder / "impressions [1].jsonl", b"\n".join([*bad, *good]) + b"\n")


def test_each_bad_line_is_quarantined_with_its_number_and_reason(mixed: tuple[Settings, Report]) -> None:
    settings, _ = mixed
    quarantined = sorted((row["line"], row["reason"]) for row in rows_of(settings, "raw.quarantine"))
    assert quarantined == [(number, reason) for number, (reason, _) in enumerate(BAD_IMPRESSIONS, start=1)]


def test_a_quarantined_line_keeps_its_payload_and_where_it_came_from(mixed: tuple[Settings, Report]) -> None:
    settings, report = mixed
    by_line = {row["line"]: row for row in rows_of(settings, "raw.quarantine")}
    assert by_line[3] == {
        "file": report.details["file"],
        "line": 3,
        "dataset": "raw.impressions",
        "reason": "malformed_json",
        "payload": '{"event_id": "e1", ',
        "received_ts": LANDED,
        "landing_seq": 1,
    }
    assert by_line[8]["payload"] == '{"event_id":"\ufffd"}'


def test_a_quarantined_line_of_an_impossible_time_has_the_landing_time(
    mixed: tuple[Settings, Report],
) -> None:
    received = {row["reason"]: row["received_ts"] for row in rows_of(mixed[0], "raw.quarantine")}
    assert (received["received_in_future"], received["day_out_of_range"]) == (LANDED, LANDED)


def test_good_lines_of_a_file_with_bad_ones_land(mixed: tuple[Settings, Report]) -> None:
    settings, report = mixed
    rows = {row["event_id"]: row for row in rows_of(settings, "raw.impressions")}
    assert set(rows) == set(GOOD_IMPRESSIONS)
    assert rows["plain"] == {
        "event_id": "plain",
        "profile_id": "ana",
        "title_id": "t1",
        "row": 1,
        "position": 2,
        "event_ts": datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
        "device": None,
        "country": None,
        "page_id": None,
        "app_version": None,
        "received_ts": LANDED,
        "event_day": date(2026, 3, 1),
        "landing_seq": 1,
        "file": report.details["file"],
    }
    for name in ("unicode", "astral", "words of an escape"):
        assert rows[name]["title_id"] == GOOD_IMPRESSIONS[name]["title_id"]


def test_times_are_utc_and_their_day_is_the_utc_day(mixed: tuple[Settings, Report]) -> None:
    rows = {row["event_id"]: row for row in rows_of(mixed[0], "raw.impressions")}
    assert rows["offset"]["event_ts"] == datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert rows["offset"]["event_day"] == date(2026, 3, 1)
    assert rows["nanoseconds"]["event_ts"].microsecond == 123456


def test_the_received_time_is_the_rows_own_else_the_landing_time(mixed: tuple[Settings, Report]) -> None:
    rows = {row["event_id"]: row for row in rows_of(mixed[0], "raw.impressions")}
    assert rows["own received_ts"]["received_ts"] == datetime(2026, 2, 20, tzinfo=UTC)
    assert rows["nulls"]["received_ts"] == LANDED


def test_unknown_fields_are_counted_by_name(mixed: tuple[Settings, Report]) -> None:
    settings, report = mixed
    counted = {"ab_test": 2, "screen": 1, "landing_seq": 1, f"note {NO_TEXT}": 1}
    assert json.loads(str(report.details["unknown_fields"])) == counted
    assert json.loads(rows_of(settings, "ops.landings")[0]["unknown_fields"]) == counted


def test_rows_in_are_rows_landed_and_quarantined(mixed: tuple[Settings, Report]) -> None:
    settings, report = mixed
    assert (report.rows.read, report.rows.out, report.rows.quarantined) == (
        len(GOOD_IMPRESSIONS) + len(BAD_IMPRESSIONS),
        len(GOOD_IMPRESSIONS),
        len(BAD_IMPRESSIONS),
    )
    registered = rows_of(settings, "ops.landings")[0]
    assert registered["rows_in"] == registered["rows_landed"] + registered["rows_quarantined"] == report.rows.read


def test_a_play_may_have_a_whole_duration_or_none_but_no_negative_one(settings: Settings, tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"duration_s": duration} for duration in (61.5, 60, None, 0, 1e-7, -0.1, "60", 10**400)
    ]
    lines = [line(PLAY, {"play_id": str(number)} | change) for number, change in enumerate(changes, start=1)]
    land(settings, tmp_path / "plays.jsonl", b"\n".join(lines) + b"\n")
    landed = {row["play_id"]: row["duration_s"] for row in rows_of(settings, "raw.plays")}
    assert landed == {"1": 61.5, "2": 60.0, "3": None, "4": 0.0, "5": 1e-7}
    reasons = {row["line"]: row["reason"] for row in rows_of(settings, "raw.quarantine")}
    assert reasons == {6: "negative_duration", 7: "wrong_type_duration_s", 8: "wrong_type_duration_s"}


def test_a_last_line_that_was_cut_off_is_quarantined(settings: Settings, tmp_path: Path) -> None:
    whole = line(PLAY, {})
    land(settings, tmp_path / "plays.jsonl", whole + b"\n" + whole[:40])
    assert [(row["line"], row["reason"]) for row in rows_of(settings, "raw.quarantine")] == [
        (2, "incomplete_last_line")
    ]
    assert len(rows_of(settings, "raw.plays")) == 1


def test_a_last_line_that_only_lacks_its_end_lands(settings: Settings, tmp_path: Path) -> None:
    report = land(settings, tmp_path / "plays.jsonl", line(PLAY, {}))
    assert (report.rows.read, report.rows.out) == (1, 1)


def test_lines_of_a_file_of_many_blocks_keep_their_numbers(settings: Settings, tmp_path: Path) -> None:
    lines = [line(PLAY, {"note": "x" * 3_000_000, "play_id": str(number)}) for number in range(1, 9)]
    lines[6] = lines[6].replace(b'"start_ts"', b'"begin_ts"')
    land(settings, tmp_path / "plays.jsonl", b"\n".join(lines) + b"\n")
    assert [(row["line"], row["reason"]) for row in rows_of(settings, "raw.quarantine")] == [(7, "missing_start_ts")]


def test_each_simulated_file_has_the_bad_lines_that_its_generator_counted(settings: Settings, tmp_path: Path) -> None:
    options = SimulatorOptions(days=1, profiles=60, seed=5, broken_share=0.05, incomplete_file_share=1.0)
    counted = simulate(options, tmp_path / "landing").datasets
    reports = [report for report in ingest(settings, None, [tmp_path / "landing"]) if report.dataset in counted]
    reported = {
        (report.dataset, Path(str(report.details["file"])).name): (report.rows.read, report.rows.quarantined)
        for report in reports
    }
    assert reported == {
        (dataset, name): (file.lines, file.broken)
        for dataset, counts in counted.items()
        for name, file in counts.files.items()
    }
