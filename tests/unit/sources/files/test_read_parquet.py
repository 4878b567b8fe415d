"""Reading landed Parquet: rows as they were scanned, or a refusal."""

from base64 import b64encode
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.sources.files.test_read import TWO_LINES, embedded, scanned

from matinee.errors import LandingRefusedError
from matinee.settings import Settings
from matinee.sources.files.read import read_rows
from matinee.sources.files.scan import scan

__all__ = ["embedded"]


def test_only_texts_of_parquet_are_looked_at_before_the_rows_are_read(
    embedded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()
    read = pq.ParquetFile.iter_batches

    def told(parquet: pq.ParquetFile, *given: object, **named: object) -> object:
        asked.append(named.get("columns", "all"))
        return read(parquet, *given, **named)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", told)
    for name, table in {"a": {"play_id": ["p"], "ms": [1]}, "b": {"ms": [1]}}.items():
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
        list(read_rows(embedded, scan(embedded, str(tmp_path / f"{name}.parquet"))))
    assert asked == [["play_id"], "all", "all"]


def test_a_damaged_name_of_a_writer_refuses_the_parquet_file(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays.parquet"
    pq.write_table(pa.table({"play_id": ["p"]}), path)
    file = scanned(embedded, path, path.read_bytes().replace(b"parquet-cpp-arrow", b"\xffarquet-cpp-arrow"))
    with pytest.raises(LandingRefusedError, match="its Parquet is not readable"):
        list(read_rows(embedded, file))


def test_parquet_with_an_encrypted_column_is_refused(embedded: Settings, tmp_path: Path) -> None:
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):  # type: ignore[misc]
        def __init__(self, _: object) -> None:
            super().__init__()

        def wrap_key(self, key: bytes, _: str) -> bytes:
            return b64encode(key)

    path, rows = tmp_path / "plays.parquet", pa.table({"play_id": ["p"], "profile_id": ["a"]})
    shape = pe.EncryptionConfiguration(
        "key", column_keys={"key": ["play_id"]}, plaintext_footer=True, data_key_length_bits=128
    )
    keys = pe.CryptoFactory(Keys).file_encryption_properties(pe.KmsConnectionConfig(), shape)
    pq.write_table(rows, path, encryption_properties=keys)
    with pytest.raises(LandingRefusedError, match="its Parquet is not readable"):
        list(read_rows(embedded, scan(embedded, str(path))))


@pytest.mark.parametrize("damage", ["footer", "pages", "other bytes"])
def test_an_unreadable_parquet_file_is_refused(embedded: Settings, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "plays.parquet"
    pq.write_table(pa.table({"play_id": [f"p{n}" for n in range(500)]}), path, compression="zstd")
    whole = path.read_bytes()
    changed = {"footer": whole[:-6], "pages": whole[:4] + b"\xff" * 40 + whole[44:], "other bytes": TWO_LINES}
    file = scanned(embedded, path, changed[damage])
    with pytest.raises(LandingRefusedError, match="its Parquet is not readable"):
        list(read_rows(embedded, file))


def test_texts_that_repeat_are_read_as_a_dictionary(embedded: Settings, tmp_path: Path) -> None:
    columns = {"device": ["tv"] * 500, "play_id": [f"play-{number}" for number in range(500)], "notes": [["a"]] * 500}
    pq.write_table(pa.table(columns), tmp_path / "plays.parquet")
    file = scan(embedded, str(tmp_path / "plays.parquet"))
    [rows] = read_rows(embedded, file)
    assert [pa.types.is_dictionary(column.type) for column in rows.columns] == [True, False, False]
    assert rows.to_pydict() == columns


def test_a_dictionary_that_has_a_text_twice_gives_each_row_its_own(embedded: Settings, tmp_path: Path) -> None:
    path, texts = tmp_path / "plays.parquet", ["tv1", "tv2", "web"] * 500
    pq.write_table(pa.table({"device": texts}), path, compression="none", write_statistics=False)
    # Arrow itself writes each text once.
    other = path.read_bytes().replace(b"tv2", b"tv1").replace(b"parquet-cpp-arrow", b"another-producer!")
    path.write_bytes(other)
    [rows] = read_rows(embedded, scan(embedded, str(path)))
    assert rows.to_pydict() == {"device": ["tv1", "tv1", "web"] * 500}
