"""Landing files that change while they are landed: what was read is what was hashed, or nothing of it is landed."""

import gzip
import io
from datetime import datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.test_landing_commits import LANDED, NOON, PLAYS, bad_lines, branches, play, plays, write

from matinee.errors import LandingRefusedError
from matinee.landing import ingest as steps
from matinee.landing.ingest import ingest
from matinee.settings import Settings
from matinee.sources.files.scan import LandingFile, scan
from matinee.table import refs
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark


def replaced(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let a producer put another file into the place of the first one that is landed, right after it was scanned."""
    tries = count()

    def then_replace(settings: Settings, file: str) -> LandingFile:
        found = scan(settings, file)
        if next(tries) == 0:
            Path(f"{file}.new").write_bytes(content)
            Path(f"{file}.new").rename(file)
        return found

    monkeypatch.setattr(steps, "scan", then_replace)


def parquet(*names: str) -> bytes:
    start = [datetime.fromisoformat(NOON)] * len(names)
    columns = {"play_id": names, "profile_id": ["ana"] * len(names), "title_id": ["t"] * len(names), "start_ts": start}
    pq.write_table(pa.table(columns), buffer := io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
def test_a_file_that_is_replaced_after_it_was_hashed_is_refused_and_lands_whole_the_next_time(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    texts = [f"{play(one)}{play(two)}".encode() for one, two in (("old1", "old2"), ("new1", "new2"))]
    contents = {
        "jsonl": texts,
        "jsonl.gz": [gzip.compress(text) for text in texts],
        "parquet": [parquet("old1", "old2"), parquet("new1", "new2")],
    }
    old, new = contents[ending]
    path = tmp_path / f"plays-current.{ending}"
    path.write_bytes(old)
    replaced(monkeypatch, new)
    with pytest.raises(LandingRefusedError, match=r"plays-current.* is refused: it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert plays(settings) == []
    assert branches(settings) == {refs.MAIN}
    assert [ingest(settings, None, [path], LANDED)[0].rows.out, plays(settings)] == [2, ["new1", "new2"]]


def test_the_bad_rows_of_a_replaced_file_are_not_quarantined(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")
    write(tmp_path / "plays-2.jsonl", play("b"))
    replaced(monkeypatch, f"{play('c')}OOPS\n".encode())
    with pytest.raises(LandingRefusedError, match=r"1 of 2 files were refused: .*plays-1.jsonl"):
        ingest(settings, None, [tmp_path], LANDED)
    assert (plays(settings), bad_lines(settings)) == (["b"], [])
    ingest(settings, None, [path], LANDED)
    assert (plays(settings), bad_lines(settings)) == (["b", "c"], [(2, "malformed_json")])


def test_a_file_that_is_replaced_by_a_longer_one_is_refused_as_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"))
    replaced(monkeypatch, f"{play('b')}{play('c')}".encode())
    with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert not Lake.open(settings).exists(PLAYS)


def test_a_file_that_is_replaced_once_its_rows_are_written_is_refused_before_they_are_on_main(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"))
    content, appended = path.read_bytes(), steps.append

    def then_bring_back(*values: object) -> None:
        appended(*values)  # type: ignore[arg-type]
        path.unlink()
        path.write_bytes(content)

    replaced(monkeypatch, play("b").encode())
    monkeypatch.setattr(steps, "append", then_bring_back)
    with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
        ingest(settings, None, [path], LANDED)
    assert plays(settings) == []


def test_a_manifest_that_is_replaced_after_it_was_hashed_declares_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = '{"dataset":"raw.plays","day":"2026-03-01","expected_rows":%d,"closed":true}\n'
    path = write(tmp_path / "manifest-1.json", line % 1)
    replaced(monkeypatch, (line % 2).encode())
    with pytest.raises(LandingRefusedError, match=r"manifest-1.json is refused: it was changed"):
        ingest(settings, None, [path], LANDED)
    ingest(settings, None, [path], LANDED)
    declared = Lake.open(settings).table("ops.manifests").scan().to_arrow()
    assert declared["expected_rows"].to_pylist() == [2]
