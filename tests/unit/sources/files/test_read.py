"""Reading landing files: lines and rows as they were scanned, or a refusal."""

import gzip
import hashlib
import os
import tracemalloc
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from matinee.errors import FileChangedError, LandingRefusedError
from matinee.settings import LandingSettings, Settings, load_settings
from matinee.sources.files.read import (
    BLOCK_BYTES,
    HEAD_BYTES,
    Lines,
    LongLine,
    read_blocks,
    read_lines,
    read_rows,
)
from matinee.sources.files.scan import CHUNK_BYTES, LandingFile, identity, scan

TWO_LINES = b'{"a":1}\n{"a":2}\n'
PACKED = gzip.compress(TWO_LINES)


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "lake", catalog="embedded")


def scanned(settings: Settings, path: Path, content: bytes) -> LandingFile:
    path.write_bytes(content)
    return scan(settings, str(path))


def old(file: LandingFile) -> LandingFile:
    """The file as a scan tells of it two seconds later: a younger file is known by its bytes alone."""
    return replace(file, identity=identity(LocalFileSystem(), file.file))


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        (TWO_LINES, [Lines(1, [b'{"a":1}', b'{"a":2}'])]),
        (TWO_LINES[:-1], [Lines(1, [b'{"a":1}', b'{"a":2}'], is_open=True)]),
        (b"", []),
        (b"\n\n", [Lines(1, [b"", b""])]),
        (b'{"a', [Lines(1, [b'{"a'], is_open=True)]),
        (b"\xef\xbb\xbf{}\r\n", [Lines(1, [b"{}\r"])]),
        (b"\xef\xbb\xbf", []),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_lines_are_numbered_and_an_open_end_is_told(
    embedded: Settings, tmp_path: Path, ending: str, content: bytes, blocks: list[Lines]
) -> None:
    written = gzip.compress(content) if ending.endswith("gz") else content
    file = scanned(embedded, tmp_path / f"plays.{ending}", written)
    assert list(read_blocks(embedded, file)) == blocks


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_large_file_comes_in_blocks_of_whole_lines(embedded: Settings, tmp_path: Path, ending: str) -> None:
    lines = [b"%d" % number * (number % 7) for number in range(700_000)]
    content = b"\n".join(lines)
    written = gzip.compress(content, 1) if ending.endswith("gz") else content
    blocks = list(read_blocks(embedded, scanned(embedded, tmp_path / f"plays.{ending}", written), 1 << 20))
    assert len(blocks) > 5
    assert [line for block in blocks for line in block.lines] == lines
    assert [block.first for block in blocks[1:]] == [block.first + len(block.lines) for block in blocks[:-1]]
    assert [block.is_open for block in blocks] == [False] * (len(blocks) - 1) + [True]


def test_a_small_gzip_of_much_content_is_unzipped_piece_by_piece(embedded: Settings, tmp_path: Path) -> None:
    content = (b" " * 999 + b"\n") * 50_000
    file = scanned(embedded, tmp_path / "plays.jsonl.gz", gzip.compress(content))
    assert sum(len(block.lines) for block in read_blocks(embedded, file, 1 << 20)) == 50_000


def test_a_gzip_of_several_members_is_read_to_its_end(embedded: Settings, tmp_path: Path) -> None:
    content = gzip.compress(TWO_LINES) + gzip.compress(b'{"a":3}')
    file = scanned(embedded, tmp_path / "plays.jsonl.gz", content)
    assert list(read_lines(embedded, file)) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


@pytest.mark.parametrize("zeros", [1, 500, CHUNK_BYTES - len(PACKED), CHUNK_BYTES, 3 * CHUNK_BYTES])
def test_a_gzip_that_is_padded_with_zeros_is_read(embedded: Settings, tmp_path: Path, zeros: int) -> None:
    padded = PACKED + b"\0" * zeros
    alone = scanned(embedded, tmp_path / "plays-1.jsonl.gz", padded)
    before = scanned(embedded, tmp_path / "plays-2.jsonl.gz", padded + PACKED)
    assert list(read_lines(embedded, alone)) == TWO_LINES.splitlines()
    assert list(read_blocks(embedded, alone)) == [Lines(1, TWO_LINES.splitlines())]
    assert list(read_lines(embedded, before)) == TWO_LINES.splitlines() * 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PACKED[:-4], "cut off"),
        (PACKED[:14], "cut off"),
        (PACKED[:-8] + b"\0" * 8, "damaged"),
        (TWO_LINES, "damaged"),
        (PACKED + PACKED[:9], "cut off"),
        (PACKED + b"xx", "damaged"),
        (PACKED + b"\0" * CHUNK_BYTES + b"xx", "damaged"),
        (b"\0" * 9, "damaged"),
        (b"\0" + PACKED, "damaged"),
    ],
    ids=[
        "checksum missing",
        "content missing",
        "wrong checksum",
        "no gzip",
        "second member cut",
        "garbage",
        "garbage after zeros",
        "zeros",
        "zeros first",
    ],
)
def test_a_gzip_that_is_not_whole_is_refused(embedded: Settings, tmp_path: Path, content: bytes, why: str) -> None:
    file = scanned(embedded, tmp_path / "plays.jsonl.gz", content)
    with pytest.raises(LandingRefusedError, match=f"plays.jsonl.gz is refused whole: its gzip is {why}"):
        list(read_lines(embedded, file))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
@pytest.mark.parametrize("end", [b"\n{}\n", b""], ids=["ended", "open"])
def test_of_a_line_that_is_too_long_head_length_and_hash_are_kept(
    embedded: Settings, tmp_path: Path, ending: str, end: bytes
) -> None:
    long = b'{"a":"' + b"x" * (1 << 20) + b'"}'
    content = TWO_LINES + long + end
    file = scanned(embedded, tmp_path / f"plays.{ending}", gzip.compress(content) if ending.endswith("gz") else content)
    first, second, kept, *rest = read_lines(
        embedded.model_copy(update={"landing": LandingSettings(max_line_mb=1)}), file
    )
    assert (first, second, rest) == (*TWO_LINES.splitlines(), [b"{}"] if end else [])
    assert isinstance(kept, LongLine)
    told = f"{len(long)} bytes, SHA-256 {hashlib.sha256(long).hexdigest()}, begin with: "
    assert kept == told.encode() + long[:HEAD_BYTES]


def test_a_line_as_long_as_the_limit_is_read_whole(embedded: Settings, tmp_path: Path) -> None:
    file = scanned(embedded, tmp_path / "plays.jsonl", b"x" * (1 << 20) + b"\n")
    [line] = read_lines(embedded.model_copy(update={"landing": LandingSettings(max_line_mb=1)}), file)
    assert (type(line), len(line)) == (bytes, 1 << 20)


def test_a_line_that_is_too_long_never_fills_the_memory(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(64):
            stream.write(b"x" * CHUNK_BYTES)
    file = scan(embedded, str(path))
    tracemalloc.start()
    [kept] = read_lines(embedded.model_copy(update={"landing": LandingSettings(max_line_mb=1)}), file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept.startswith(b"%d bytes, SHA-256 " % (64 * CHUNK_BYTES))
    assert peak < 16 * CHUNK_BYTES


@pytest.mark.parametrize(
    "content",
    [b'[{"a":1},{"a":2}]', b'\xef\xbb\xbf \n[\n  {"a":1},\n  {"a":2}\n]\n', b"[", b'[{"a":[]\n,"b":1}]\n'],
    ids=["one", "many", "cut", "broken"],
)
@pytest.mark.parametrize("ending", ["jsonl", "json.gz"])
def test_an_array_of_objects_is_one_refusal_that_says_so(
    embedded: Settings, tmp_path: Path, ending: str, content: bytes
) -> None:
    file = scanned(embedded, tmp_path / f"plays.{ending}", gzip.compress(content) if ending.endswith("gz") else content)
    with pytest.raises(LandingRefusedError, match=r"refused whole: it is an array of objects.* Next: .*jq -c"):
        list(read_lines(embedded, file))


@pytest.mark.parametrize("block_bytes", [1, BLOCK_BYTES])
@pytest.mark.parametrize("begin", [b"", b"\n"], ids=["first", "after a blank line"])
@pytest.mark.parametrize("packed", [False, True], ids=["text", "member by member"])
def test_an_array_on_a_line_of_its_own_is_a_line(
    embedded: Settings, tmp_path: Path, block_bytes: int, begin: bytes, packed: bool
) -> None:
    array = begin + b'[{"a":1}]\n'
    content = gzip.compress(array) + gzip.compress(TWO_LINES) if packed else array + TWO_LINES
    file = scanned(embedded, tmp_path / ("plays.jsonl.gz" if packed else "plays.jsonl"), content)
    read = [line for block in read_blocks(embedded, file, block_bytes) for line in block.lines]
    assert read == [*array.splitlines(), *TWO_LINES.splitlines()]


def test_an_array_that_is_too_long_is_a_line_where_others_follow(embedded: Settings, tmp_path: Path) -> None:
    strict = embedded.model_copy(update={"landing": LandingSettings(max_line_mb=1)})
    array = b'[{"a":"' + b"1" * strict.landing.max_line_bytes + b'"}]\n'
    file = scanned(strict, tmp_path / "plays.jsonl", array + TWO_LINES)
    first, *others = (line for block in read_blocks(strict, file, 1) for line in block.lines)
    assert isinstance(first, LongLine)
    assert others == TWO_LINES.splitlines()


@pytest.mark.parametrize("end", [b'"}]\n', b'"},\n{}]\n'], ids=["closed, alone", "open, others follow"])
def test_an_array_that_is_too_long_is_refused_where_no_object_follows(
    embedded: Settings, tmp_path: Path, end: bytes
) -> None:
    strict = embedded.model_copy(update={"landing": LandingSettings(max_line_mb=1)})
    file = scanned(strict, tmp_path / "plays.jsonl", b'[{"a":"' + b"1" * strict.landing.max_line_bytes + end)
    with pytest.raises(LandingRefusedError, match="it is an array of objects"):
        list(read_blocks(strict, file, 1))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("change", ["replaced", "gone", "broken"])
def test_a_file_that_differs_from_the_scanned_file_is_refused_as_changed(
    embedded: Settings, tmp_path: Path, ending: str, change: str
) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "one")
    pq.write_table(pa.table({"a": [2]}), tmp_path / "two")
    contents = {
        "jsonl": (TWO_LINES, TWO_LINES + b"{}\n"),
        "jsonl.gz": (PACKED, gzip.compress(b"{}\n")),
        "parquet": ((tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()),
    }
    old, new = contents[ending]
    path = tmp_path / f"plays.{ending}"
    file = scanned(embedded, path, old)
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(new if change == "replaced" else new[:-1])
    with pytest.raises(FileChangedError, match="it was changed while it was landed"):
        list(read_rows(embedded, file) if ending == "parquet" else read_blocks(embedded, file))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
def test_a_file_whose_identity_changes_is_refused(embedded: Settings, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"plays.{ending}"
    pq.write_table(pa.table({"a": [1]}), tmp_path / "one")
    content = {"jsonl": TWO_LINES, "jsonl.gz": PACKED, "parquet": (tmp_path / "one").read_bytes()}[ending]
    path.write_bytes(content)
    file = old(scan(embedded, str(path)))
    read = read_rows if ending == "parquet" else read_blocks
    list(read(embedded, file))
    path.write_bytes(content)
    os.utime(path, (0, 0))  # The clock of the disk may stand still between the writes.
    with pytest.raises(FileChangedError, match="it was changed while it was landed"):
        list(read(embedded, file))


@pytest.mark.parametrize(
    ("ending", "is_young"), [("jsonl", False), ("jsonl.gz", False), ("parquet", False), ("parquet", True)]
)
def test_a_file_of_another_folder_is_not_read_in_the_place_of_the_scanned(
    embedded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, is_young: bool
) -> None:
    for folder, number in (("in", 1), ("other", 2)):
        (tmp_path / folder).mkdir()
        text = b'{"a":%d}\n' % number
        pq.write_table(pa.table({"a": [number]}), tmp_path / "rows")
        contents = {"jsonl": text, "jsonl.gz": gzip.compress(text), "parquet": (tmp_path / "rows").read_bytes()}
        (tmp_path / folder / f"plays.{ending}").write_bytes(contents[ending])
    (tmp_path / "current").symlink_to(tmp_path / "in")
    file = scan(embedded, str(tmp_path / "current" / f"plays.{ending}"))
    file = file if is_young else old(file)
    folders = chain(["other"], repeat("in"))

    def open_another(_: LocalFileSystem, name: str, mode: str) -> IO[bytes]:
        # The link leads to another folder for a moment, which changes the identity of no file.
        return Path(name.replace("current", next(folders))).open(mode)  # type: ignore[return-value]

    monkeypatch.setattr(LocalFileSystem, "open", open_another)
    with pytest.raises(FileChangedError, match="it was changed while it was landed"):
        list(read_rows(embedded, file) if ending == "parquet" else read_blocks(embedded, file))
