"""Manifests are rewritten with other paths; every other value stays as it was."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pyiceberg.manifest import ManifestFile, read_manifest_list
from pyiceberg.table import Table
from tests.support.lakes import D1, D2, land, make_lake, raw_play

from matinee.errors import EnvironmentNotReadyError
from matinee.table.metadata.avro_paths import rewrite


@pytest.fixture
def table(tmp_path: Path) -> Table:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2, "p2")])
    return lake.table("raw.plays")


def read(table: Table, path: str) -> bytes:
    with table.io.new_input(path).open() as stream:
        return bytes(stream.read())


def put(table: Table, name: str, content: bytes) -> str:
    path = f"{table.location()}/metadata/{name}"
    with table.io.new_output(path).create() as stream:
        stream.write(content)
    return path


def described(manifest: ManifestFile, table: Table, path: str) -> list[str]:
    """Return every value of every entry, with a word in place of the path."""
    entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
    rows = ([entry.status, entry.snapshot_id, entry.sequence_number, *entry.data_file._data] for entry in entries)
    plain = ([dict(value) if isinstance(value, Mapping) else value for value in row] for row in rows)
    return [repr(row).replace(path, "HERE") for row in plain]


def test_a_list_and_its_manifests_say_the_same_of_other_paths(table: Table) -> None:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    [manifest] = snapshot.manifests(table.io)
    old, new = table.location(), "s3://a-much-longer-bucket-name-than-the-folder-was/" + "x" * 200
    written = put(
        table, "m.avro", rewrite(read(table, manifest.manifest_path), lambda path: path.replace(old, new), {})
    )
    size = len(table.io.new_input(written))
    lists = rewrite(read(table, snapshot.manifest_list), lambda _: written, {written: size})
    [moved] = read_manifest_list(table.io.new_input(put(table, "l.avro", lists)))
    assert (moved.manifest_path, moved.manifest_length) == (written, size)
    assert described(moved, table, new) == described(manifest, table, old)
    assert any("HERE" in text for text in described(moved, table, new))


def test_a_codec_that_is_not_known_is_refused() -> None:
    header = b"Obj\x01" + b"\x02" + b"\x14avro.codec" + b"\x0cxxxxxx" + b"\x00" + b"s" * 16
    with pytest.raises(EnvironmentNotReadyError, match="'xxxxxx'"):
        rewrite(header, str, {})
