"""Rows of landed Parquet files on Spark: the same as those of NDJSON, whatever the physical types."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matinee.landing.ingest import ingest
from matinee.landing.parsing.text import NO_TEXT
from matinee.settings import Settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark

LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)


def rows_of(settings: Settings, dataset: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = Lake.open(settings).table(dataset).scan().to_arrow().to_pylist()
    return records


def test_parquet_lands_the_rows_that_ndjson_lands(settings: Settings, tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 12, 5, 0, 123456, tzinfo=UTC)
    columns = {
        "play_id": ["1", "2", None],
        "profile_id": ["ana", "ben", "cy"],
        "title_id": ["t1", "t2", "t3"],
        "start_ts": pa.array([start] * 3, pa.timestamp("us", "UTC")),
        "duration_s": [1.25, None, 3.0],
        "region": ["EU", None, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "plays-a.parquet")
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    texts = [json.dumps(row | {"start_ts": "2026-03-01T12:05:00.123456Z"}) for row in rows]
    (tmp_path / "plays-b.jsonl").write_text("\n".join(texts) + "\n")
    parquet, text = ingest(settings, None, [tmp_path], LANDED)
    assert parquet.rows == text.rows
    assert parquet.details["reasons"] == text.details["reasons"] == '{"missing_play_id": 1}'
    own = {"landing_seq", "file"}
    landed = [{name: value for name, value in row.items() if name not in own} for row in rows_of(settings, "raw.plays")]
    assert len(landed) == 4
    assert landed[:2] == landed[2:]


def test_files_whose_texts_repeat_land_beside_files_whose_texts_do_not(settings: Settings, tmp_path: Path) -> None:
    count, start = 2_000, datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = {
        "play_id": [f"play-{number}" for number in range(count)],
        "start_ts": [start] * count,
        "title_id": ["t"] * count,
    }
    for name, some in (("same", 3), ("other", count)):
        profiles = [f"profile-{number % some}" if number % 7 else None for number in range(count)]
        pq.write_table(pa.table(rows | {"profile_id": profiles}), tmp_path / f"plays-{name}.parquet")
    for report in ingest(settings, None, [tmp_path], LANDED):
        assert (report.rows.out, report.rows.quarantined) == (count - 286, 286)
    landed = rows_of(settings, "raw.plays")
    names = {(Path(row["file"]).name, row["play_id"], row["profile_id"]) for row in landed}
    assert names == {
        (f"plays-{name}.parquet", f"play-{number}", f"profile-{number % some}")
        for name, some in (("same", 3), ("other", count))
        for number in range(count)
        if number % 7
    }


def test_utf8_of_parquet_without_the_mark_of_text_lands_as_text(settings: Settings, tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
    extra = pa.struct([("notes", pa.list_(pa.binary())), ("by", pa.map_(pa.binary(), pa.binary()))])
    columns = {
        "play_id": pa.array([b"p\xc3\xa9", b"p\xff1", b"p\xff2", None, b""], pa.binary()),
        "profile_id": pa.array([b"ana1"] * 5, pa.binary(4)),
        "title_id": pa.array([b"t"] * 5, pa.large_binary()),
        "start_ts": pa.array([start] * 5),
        "extra": pa.array(
            [None, {"notes": [b"x", b"\xff", None], "by": [(b"k", b"\xfe"), (b"\xff", None)]}] * 2 + [None], extra
        ),
    }
    pq.write_table(pa.table(columns), tmp_path / "plays.parquet")
    ingest(settings, None, [tmp_path], LANDED)
    landed = [(row["play_id"], row["profile_id"], row["title_id"]) for row in rows_of(settings, "raw.plays")]
    assert landed == [("pé", "ana1", "t")]
    bad = {row["line"]: row for row in rows_of(settings, "raw.quarantine")}
    wrong = {2: "wrong_type_play_id", 3: "wrong_type_play_id", 4: "missing_play_id", 5: "blank_play_id"}
    assert {line: row["reason"] for line, row in bad.items()} == wrong
    payload = json.loads(bad[2]["payload"])
    assert payload["play_id"] == NO_TEXT + b64encode(b"p\xff1").decode()
    assert payload["extra"]["notes"][:2] == ["x", f"{NO_TEXT}/w=="]
    assert payload["extra"]["by"]["k"] == f"{NO_TEXT}/g=="


def test_times_of_parquet_land_whatever_their_unit(settings: Settings, tmp_path: Path) -> None:
    kinds = {"ns": None, "ns UTC": "UTC", "us": None, "int96": None}
    micros = pa.array([1772366700123456], pa.timestamp("us"))
    for kind, zone in kinds.items():
        start = micros.cast(pa.timestamp("us", zone)).cast(pa.timestamp("us" if kind == "us" else "ns", zone))
        table = pa.table({"play_id": [kind], "profile_id": ["a"], "title_id": ["t"], "start_ts": start})
        pq.write_table(table, tmp_path / f"plays-{kind}.parquet", use_deprecated_int96_timestamps=kind == "int96")
    ingest(settings, None, [tmp_path], LANDED)
    start_ts = datetime(2026, 3, 1, 12, 5, 0, 123456, tzinfo=UTC)
    landed = {row["play_id"]: row["start_ts"] for row in rows_of(settings, "raw.plays")}
    assert landed == dict.fromkeys(kinds, start_ts)
