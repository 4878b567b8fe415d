"""Processes that only land files do not import pandas, and write the same as with pandas."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from matinee.landing.parsing.row_text import row_texts

LAND = """
import sys
from matinee.cli.main import main
sys.argv = ["matinee", "ingest", "--from", sys.argv[1], "--output", "json"]
main()
assert sys.modules["pandas"] is None
"""
NANOSECONDS = """
import pyarrow as pa
from matinee.landing.parsing.row_text import row_texts
from matinee.short_lived import leave_out
leave_out()
column = pa.array([1_500_000_001, None, -1], pa.int64())
rows = pa.record_batch({"since": column.cast(pa.duration("ns")), "at": pa.array([1_500_000_001] * 3, pa.time64("ns"))})
print(b";".join(row_texts(rows)).decode())
"""


def run(code: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout


def test_landing_a_file_imports_no_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))
    (tmp_path / "plays-1.jsonl").write_text("{}\n")
    assert json.loads(run(LAND, str(tmp_path / "plays-1.jsonl")))[0]["quarantined"] == 1


def test_nanoseconds_have_the_same_text_without_pandas() -> None:
    column = pa.array([1_500_000_001, None, -1], pa.int64())
    rows = pa.record_batch(
        {"since": column.cast(pa.duration("ns")), "at": pa.array([1_500_000_001] * 3, pa.time64("ns"))}
    )
    assert run(NANOSECONDS).strip() == b";".join(row_texts(rows)).decode()
    assert row_texts(rows)[0] == b'{"since":"0 days 00:00:01.500000001","at":"00:00:01.500000"}'
