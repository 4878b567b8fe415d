"""Landing files that change while they are landed: what was read is what was hashed, or nothing of it is landed."""

import gzip
import io
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.test_landing_commits import LANDED, NOON, PLAYS, bad_lines, play, plays, write

from matinee.errors import LandingRefusedError
from matinee.landing import ingest as steps
from matinee.landing import lander
from matinee.landing.ingest import found_files, ingest
from matinee.landing.writing import parts
from matinee.settings import Settings
from matinee.sources.files.scan import LandingFile, scan
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark


def replaced(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes) -> None:
    """Have a producer replace a file by another one right after its first scan."""
    tries = count()

    def then_replace(settings: Settings, file: str) -> LandingFile:
        landing_file = scan(settings, file)
        if file == str(path) and next(tries) == 0:
            Path(f"{file}.new").write_bytes(content)
            Path(f"{file}.new").rename(file)
        return landing_file

    for module in (lander, steps):
        monkeypatch.setattr(module, "scan", then_replace)


def parquet(*names: str) -> bytes:
    start = [datetime.fromisoformat(NOON)] * len(names)
    columns = {"play_id": names, "profile_id": ["ana"] * len(names), "title_id": ["t"] * len(names), "start_ts": start}
    pq.write_table(pa.table(columns), buffer := io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
def test_a_file_that_is_replaced_after_its_hash_lands_whole_next_time(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    texts = [f"{play(first)}{play(second)}".encode() for first, second in (("old1", "old2"), ("new1", "new2"))]
    contents = {
        "jsonl": texts,
        "jsonl.gz": [gzip.compress(text) for text in texts],
        "parquet": [parquet("old1", "old2"), parquet("new1", "new2")],
    }
    old, new = contents[ending]
    path = tmp_path / f"plays-current.{ending}"
    path.write_bytes(old)
    replaced(monkeypatch, path, new)
    with pytest.raises(LandingRefusedError, match=r"plays-current.* is refused: it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert plays(settings) == []
    assert [ingest(settings, None, [path], LANDED)[0].rows.out, plays(settings)] == [2, ["new1", "new2"]]


def test_a_replaced_file_of_a_folder_is_left_and_the_others_land(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")
    write(tmp_path / "plays-2.jsonl", play("b"))
    replaced(monkeypatch, path, f"{play('c')}OOPS\n".encode())
    [changed, _] = ingest(settings, None, [tmp_path], LANDED)
    assert changed.details["note"] == "was written to or moved away meanwhile: what is there lands the next time"
    assert (plays(settings), bad_lines(settings)) == (["b"], [])
    ingest(settings, None, [path], LANDED)
    assert (plays(settings), bad_lines(settings)) == (["b", "c"], [(2, "malformed_json")])


def test_a_file_that_is_moved_away_before_it_is_read_is_no_failure(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"))
    write(tmp_path / "plays-2.jsonl", play("b"))
    lake = Lake.open(settings)
    files, _ = found_files(lake, None, [tmp_path])
    path.unlink()  # Another landing archives it.
    assert [(outcome.is_later, outcome.refused) for outcome in lander.land(lake, PLAYS, files, LANDED)] == [
        (True, None),
        (False, None),
    ]
    assert plays(settings) == ["b"]


def test_a_file_that_is_replaced_by_a_longer_one_is_refused_as_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"))
    replaced(monkeypatch, path, f"{play('b')}{play('c')}".encode())
    with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert not Lake.open(settings).exists(PLAYS)


def test_a_parquet_file_that_is_replaced_and_brought_back_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "plays-1.parquet", parts.read_rows
    path.write_bytes(parquet("a"))

    def from_another(settings: Settings, file: LandingFile) -> Iterator[pa.RecordBatch]:
        path.write_bytes(parquet("b"))
        for batch in read(settings, file):
            path.write_bytes(parquet("a"))
            yield batch

    time.sleep(2.1)  # A file younger than two seconds is known by its bytes alone.
    monkeypatch.setattr(parts, "read_rows", from_another)
    with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert plays(settings) == []


def test_a_manifest_that_is_replaced_after_it_was_hashed_declares_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = '{"dataset":"raw.plays","day":"2026-03-01","expected_rows":%d,"closed":true}\n'
    path = write(tmp_path / "manifest-1.json", line % 1)
    replaced(monkeypatch, path, (line % 2).encode())
    with pytest.raises(LandingRefusedError, match=r"manifest-1.json is refused: it was changed"):
        ingest(settings, None, [path], LANDED)
    ingest(settings, None, [path], LANDED)
    declared = Lake.open(settings).table("ops.manifests").scan().to_arrow()
    assert declared["expected_rows"].to_pylist() == [2]
