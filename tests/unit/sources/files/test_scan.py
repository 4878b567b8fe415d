"""Landing files before a row is read: which are found, and whether they are whole."""

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matinee.errors import LandingRefusedError, UsageError
from matinee.settings import Settings, load_settings
from matinee.sources.files.scan import find, read_lines, scan

NAMED = {"impressions": "raw.impressions", "plays": "raw.plays", "manifest": "ops.manifests"}
TWO_LINES = b'{"a":1}\n{"a":2}\n'


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).write_bytes(TWO_LINES)
    return tmp_path


def found(settings: Settings, dataset: str | None, path: Path | str) -> list[tuple[str, str]]:
    return [(one.dataset, Path(one.file).name) for one in find(settings, NAMED, dataset, [path])]


def test_a_directory_gives_each_dataset_its_files_by_name_and_manifests_last(
    embedded: Settings, tmp_path: Path
) -> None:
    names = ("manifest-1.json", "plays-1.jsonl", "impressions-2.jsonl", "impressions-1.jsonl", "truth.csv", "_done")
    assert found(embedded, None, folder(tmp_path, *names)) == [
        ("raw.impressions", "impressions-1.jsonl"),
        ("raw.impressions", "impressions-2.jsonl"),
        ("raw.plays", "plays-1.jsonl"),
        ("ops.manifests", "manifest-1.json"),
    ]


def test_a_directory_for_one_dataset_gives_the_files_that_bear_its_word(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-1.jsonl", "impressions-1.jsonl", "counts.json", "manifest-1.json")
    assert found(embedded, "raw.plays", path) == [("raw.plays", "plays-1.jsonl")]


def test_a_directory_without_the_datasets_word_gives_all_but_those_of_others(
    embedded: Settings, tmp_path: Path
) -> None:
    path = folder(tmp_path, "part-1.jsonl", "part-0.jsonl", "impressions-1.jsonl", ".part.jsonl", "_part.jsonl")
    assert found(embedded, "raw.plays", path) == [("raw.plays", "part-0.jsonl"), ("raw.plays", "part-1.jsonl")]


def test_a_glob_gives_its_files_by_name(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-2.jsonl", "plays-1.jsonl", "plays-3.csv")
    assert found(embedded, None, f"{path}/*.jsonl") == [("raw.plays", "plays-1.jsonl"), ("raw.plays", "plays-2.jsonl")]


def test_a_name_with_brackets_is_a_file_and_no_pattern(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays[1].jsonl") / "plays[1].jsonl"
    assert found(embedded, None, path) == [("raw.plays", "plays[1].jsonl")]


def test_a_file_that_two_paths_name_is_found_once(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-1.jsonl")
    assert len(find(embedded, NAMED, None, [path, path / "plays-1.jsonl"])) == 1


@pytest.mark.parametrize("path", ["nothing-*.jsonl", "nothing.jsonl", "empty"])
def test_no_file_is_a_clear_error(embedded: Settings, tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"There is no file to land at .*(nothing|empty)"):
        find(embedded, NAMED, None, [tmp_path / path])


def test_a_file_whose_name_tells_no_dataset_needs_one(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "events.jsonl") / "events.jsonl"
    with pytest.raises(UsageError, match="does not say which dataset"):
        find(embedded, NAMED, None, [path])


@pytest.mark.parametrize(
    ("content", "rows", "ends_open"),
    [(TWO_LINES, 2, False), (TWO_LINES[:-1], 2, True), (b"", 0, False), (b"\n\n", 2, False), (b'{"a', 1, True)],
)
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_lines_are_counted_and_an_open_end_is_seen(
    embedded: Settings, tmp_path: Path, ending: str, content: bytes, rows: int, ends_open: bool
) -> None:
    path = tmp_path / f"plays.{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    seen = scan(embedded, str(path))
    assert (seen.rows, seen.ends_open) == (rows, ends_open)
    assert seen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_gzip_of_several_members_is_read_to_its_end(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays.jsonl.gz"
    path.write_bytes(gzip.compress(TWO_LINES) + gzip.compress(b'{"a":3}'))
    seen = scan(embedded, str(path))
    assert (seen.rows, seen.ends_open) == (3, True)
    assert read_lines(embedded, seen) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


PACKED = gzip.compress(TWO_LINES)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PACKED[:-4], "cut off"),
        (PACKED[:14], "cut off"),
        (b"", "cut off"),
        (PACKED[:-8] + b"\0" * 8, "damaged"),
        (TWO_LINES, "damaged"),
        (PACKED + PACKED[:9], "cut off"),
    ],
    ids=["checksum missing", "content missing", "empty", "wrong checksum", "no gzip", "second member cut"],
)
def test_a_gzip_that_is_not_whole_is_refused(embedded: Settings, tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "plays.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(LandingRefusedError, match=f"plays.jsonl.gz is refused whole: its gzip is {why}"):
        scan(embedded, str(path))


def test_a_parquet_file_says_its_rows_and_its_nanosecond_columns(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays.parquet"
    times = {"ns": pa.array([1], pa.timestamp("ns", "UTC")), "us": pa.array([1], pa.timestamp("us", "UTC"))}
    pq.write_table(pa.table({"play_id": ["p"], **times}), path)
    seen = scan(embedded, str(path))
    assert (seen.rows, seen.nanosecond_columns) == (1, {"ns"})


@pytest.mark.parametrize("damage", ["footer", "pages", "other bytes"])
def test_an_unreadable_parquet_file_is_refused(embedded: Settings, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "plays.parquet"
    pq.write_table(pa.table({"play_id": [f"p{n}" for n in range(500)]}), path, compression="zstd")
    whole = path.read_bytes()
    changed = {"footer": whole[:-6], "pages": whole[:4] + b"\xff" * 40 + whole[44:], "other bytes": TWO_LINES}
    path.write_bytes(changed[damage])
    with pytest.raises(LandingRefusedError, match="its Parquet is not readable"):
        scan(embedded, str(path))


def test_a_file_of_an_unknown_kind_is_refused(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays.csv") / "plays.csv"
    with pytest.raises(LandingRefusedError, match="its name does not say what it holds"):
        scan(embedded, str(path))
