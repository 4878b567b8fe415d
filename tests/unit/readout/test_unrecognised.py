"""Failures that were not recognised are kept, each kind once, and no more than are read."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from matinee.readout.unrecognised import KEPT, Unrecognised, record, recorded

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


def test_a_failure_is_kept(tmp_path: Path) -> None:
    record(tmp_path / "x.json", "the flux is gone", "log a", NOW)
    assert recorded(tmp_path / "x.json") == [Unrecognised("the flux is gone", "log a", "2026-03-01T02:00:00+00:00", 1)]


def test_lines_that_differ_in_numbers_are_counted(tmp_path: Path) -> None:
    record(tmp_path / "x.json", "flux 1 of 0xff is gone", "log a", NOW)
    record(tmp_path / "x.json", "flux 2 of 0xfe is gone", "log b", NOW)
    [kept] = recorded(tmp_path / "x.json")
    assert (kept.source, kept.count) == ("log b", 2)


def test_no_more_than_a_number_of_kinds_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps([asdict(Unrecognised("x" * (place + 1), "log", "")) for place in range(KEPT)]))
    record(file, "the flux is gone", "log", NOW)
    kept = recorded(file)
    assert (len(kept), kept[0].line, kept[-1].line) == (KEPT, "the flux is gone", "x" * (KEPT - 1))


def test_nothing_was_read_out_yet(tmp_path: Path) -> None:
    assert recorded(tmp_path / "none.json") == []
