"""Small files are judged together, and each has the same outcome as alone."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.io.pyarrow import schema_to_pyarrow
from tests.support.mutations import lines

from matinee.contracts.ddl import iceberg_schema
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.landing.model import QUARANTINE
from matinee.landing.parsing.lines import parse_records
from matinee.landing.writing import parts
from matinee.landing.writing.data_files import Target
from matinee.landing.writing.parts import FILES_TOGETHER, Part, Written, write_part
from matinee.settings import CHECKOUT, Settings
from matinee.sources.files.read import BLOCK_BYTES
from matinee.sources.files.scan import Kind, scan

RAW = "raw.plays"
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
CONTRACTS = Registry.load(CHECKOUT / "sql")
PLAY = b'{"play_id":"%d","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}'
MUTATED = list(lines(CONTRACTS.get(RAW), 7, 300))
LINE = st.one_of(st.integers(0, 99).map(lambda number: PLAY % number), st.sampled_from([b"", b"oops", *MUTATED]))


def part(folder: Path, files: Sequence[Path]) -> Part:
    def target(dataset: str) -> Target:
        contract = CONTRACTS.get(dataset)
        schema = schema_to_pyarrow(iceberg_schema(contract))
        return Target(schema, str(folder / dataset), tuple(field.column for field in contract.partitions))

    own = Settings(home=folder, catalog="embedded")
    numbered = tuple((number, scan(own, str(file))) for number, file in enumerate(files, 1))
    return Part(own, CONTRACTS.get(RAW), numbered, LANDED, target(RAW), target(QUARANTINE))


def rows(paths: Sequence[str]) -> list[tuple[object, ...]]:
    read = [pq.ParquetFile(path).read() for path in paths]
    records = [row for table in read for row in table.cast(plain(table.schema)).to_pylist()]
    return sorted(tuple(repr(row[name]) for name in sorted(row)) for row in records)


def plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [(field.name, pa.int64() if pa.types.is_timestamp(field.type) else field.type) for field in schema]
    )


def outcome(written: Written) -> tuple[object, ...]:
    """The landings, the refusals and the rows of a part, without the names of its data files."""
    told = [str(error) for error in written.refused]
    return written.landings, told, rows(written.good), rows(written.bad)


def assert_each_alone(folder: Path, files: Sequence[Path]) -> None:
    given = part(folder, files)
    with pytest.MonkeyPatch.context() as patch:
        together = outcome(write_part(given))
        patch.setattr(parts, "SMALL_BYTES", {})
        assert together == outcome(write_part(given))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.lists(LINE, max_size=5), st.booleans(), st.booleans()), min_size=2, max_size=6))
def test_small_files_are_landed_as_each_alone(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[bytes], bool, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for number, (content, is_ended, is_zipped) in enumerate(files):
        text = b"\n".join(content) + (b"\n" if is_ended and content else b"")
        path = folder / f"plays-{number}.jsonl{'.gz' if is_zipped else ''}"
        path.write_bytes(gzip.compress(text) if is_zipped else text)
        paths.append(path)
    assert_each_alone(folder, paths)


def test_more_files_than_are_judged_together_are_all_landed(tmp_path: Path) -> None:
    paths = [tmp_path / f"plays-{number}.jsonl" for number in range(2 * FILES_TOGETHER + 1)]
    for number, path in enumerate(paths):
        path.write_bytes(PLAY % number + b"\n")
    written = write_part(part(tmp_path, paths))
    assert [landing.file for landing in written.landings] == [str(path) for path in paths]
    assert len(rows(written.good)) == len(paths)


def test_a_small_file_that_is_cut_off_stops_none_beside_it(tmp_path: Path) -> None:
    paths = [tmp_path / f"plays-{number}.jsonl.gz" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(gzip.compress(PLAY % number + b"\n")[: -5 if number == 1 else None])
    written = write_part(part(tmp_path, paths))
    assert [landing.file for landing in written.landings] == [str(paths[0]), str(paths[2])]
    assert [error.facts["file"] for error in written.refused] == [str(paths[1])]
    assert_each_alone(tmp_path, paths)


def test_only_the_file_is_refused_that_nobody_can_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"plays-{number}.jsonl" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(PLAY % number + b"\n")
    for name in ("parse_lines", "parse_records"):
        judge = getattr(parts, name)

        def odd(*given: object, judge: object = judge) -> pa.Table:
            if any(PLAY % 1 in argument for argument in given if isinstance(argument, list)):
                raise OverflowError("an odd number")
            return judge(*given)  # type: ignore[operator]

        monkeypatch.setattr(parts, name, odd)
    written = write_part(part(tmp_path, paths))
    assert [landing.file for landing in written.landings] == [str(paths[0]), str(paths[2])]
    assert [error.facts["file"] for error in written.refused] == [str(paths[1])]
    assert len(rows(written.good)) == 2


def test_gzips_that_inflate_beyond_a_block_are_not_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"plays-{number}.jsonl.gz" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(gzip.compress(b" " * 7_000_000 + PLAY % number + b"\n"))
        assert path.stat().st_size <= parts.SMALL_BYTES[Kind.GZIPPED]
    held = list[int]()

    def counted(contract: Contract, about: pa.RecordBatch, read: Sequence[bytes]) -> pa.Table:
        held.append(sum(map(len, read)))
        return parse_records(contract, about, read)

    monkeypatch.setattr(parts, "parse_records", counted)
    written = write_part(part(tmp_path, paths))
    assert max(held) <= BLOCK_BYTES
    assert [landing.file for landing in written.landings] == [str(path) for path in paths]


@pytest.mark.parametrize("limit", ["ROWS_WRITTEN", "BYTES_WRITTEN"])
def test_a_refused_file_whose_rows_were_written_early_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(parts, limit, 1)
    paths = [tmp_path / f"plays-{number}.jsonl.gz" for number in range(3)]
    for number, path in enumerate(paths):
        lines = b"".join(
            PLAY % (10 * number + line) + b"\n" + b"oops\n" for line in range(200_000 if number == 1 else 1)
        )
        path.write_bytes(gzip.compress(lines, 1)[: -5 if number == 1 else None])
    written = write_part(part(tmp_path, paths))
    assert [error.facts["file"] for error in written.refused] == [str(paths[1])]
    assert (len(rows(written.good)), len(rows(written.bad))) == (2, 2)
