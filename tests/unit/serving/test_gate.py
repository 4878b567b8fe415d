"""The gate: what is not whole, not equal to the table, or too far from the active version does not pass."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D2, KeptLake
from tests.support.served import OFFERS, offer, publish_offers, rows_here, served_settings, versions_of

from matinee.errors import NotActivatedError, UnreadableError, VersionGoneError
from matinee.serving.activation import activate
from matinee.serving.building import build
from matinee.serving.gate import judge
from matinee.serving.model import Gate, Shard
from matinee.serving.sample import SAMPLED, Sample
from matinee.serving.stores.protocol import Entry
from matinee.serving.stores.rocksdb import RocksDb
from matinee.serving.versions import MANIFEST
from matinee.table.catalog import Lake

GATES = "gates:\n  added: 0.5\n  removed: 0.25\n  changed: 0.5\n  compare: [words]\n"
TITLES = ("t1", "t2", "t3", "t4")


def verdicts(gate: Gate) -> dict[str, str]:
    return {verdict.audit: verdict.verdict for verdict in gate.verdicts}


def failed(gate: Gate) -> list[str]:
    return [name for name, verdict in verdicts(gate).items() if verdict == "fail"]


def write_again(lake: Lake, version: str, changed: dict[bytes, Entry | None]) -> None:
    """Write the shards of a version again, with other entries, and a manifest that fits their files."""
    versions = versions_of(lake)
    manifest = versions.manifest(version)
    store, shards = RocksDb(versions.files), list[Shard]()
    for shard in manifest.shards:
        folder = lake.settings.home / f"again-{shard.number}"
        folder.mkdir()
        database = store.open(replace(manifest, shards=(shard,)), folder)
        entries = [changed.get(entry.key, entry) for entry in database.scan(b"", None)]
        database.close()
        shards.append(store.write(version, shard.number, [entry for entry in entries if entry]))
    versions.put(version, MANIFEST, replace(manifest, shards=tuple(shards)))


def test_a_version_that_is_what_was_published_passes(lake: Lake) -> None:
    gate = judge(lake, OFFERS, build(lake, OFFERS).version)
    assert gate.has_passed
    assert verdicts(gate) == dict.fromkeys(
        ("keys_equal_rows", "keys_ascend", "entries_equal_rows", "rows_read_back"), "pass"
    )
    assert gate.compared_with is None


def test_a_lost_entry_is_seen(lake: Lake) -> None:
    manifest = build(lake, OFFERS)
    write_again(lake, manifest.version, {bytes.fromhex(manifest.shards[1].first): None})
    assert failed(judge(lake, OFFERS, manifest.version)) == ["keys_equal_rows", "entries_equal_rows", "rows_read_back"]
    with pytest.raises(NotActivatedError, match="keys_equal_rows: 5 keys of 6 rows"):
        activate(versions_of(lake), manifest.version, "me")


def test_another_value_is_seen(lake: Lake) -> None:
    manifest = build(lake, OFFERS)
    key = bytes.fromhex(manifest.shards[0].first)
    write_again(lake, manifest.version, {key: Entry(key, b"")})
    gate = judge(lake, OFFERS, manifest.version)
    assert failed(gate) == ["entries_equal_rows", "rows_read_back"]
    [sample] = gate.verdicts[-1].sample
    assert (sample["country"], sample["title_id"]) == ("de", "t1")


def test_a_damaged_or_missing_file_is_told(lake: Lake) -> None:
    manifest = build(lake, OFFERS)
    files = versions_of(lake).files
    file = Path(str(files.folder)) / manifest.version / manifest.shards[0].file  # type: ignore[attr-defined]
    content = file.read_bytes()
    file.write_bytes(content[:20])
    with pytest.raises(UnreadableError, match="its checksum is not that of the manifest"):
        judge(lake, OFFERS, manifest.version)
    file.unlink()
    with pytest.raises(VersionGoneError, match="is not there"):
        judge(lake, OFFERS, manifest.version)


def test_a_truncated_manifest_is_told(lake: Lake) -> None:
    version = build(lake, OFFERS).version
    content = versions_of(lake).files.read(f"{version}/{MANIFEST}")
    assert content is not None
    versions_of(lake).files.write(f"{version}/{MANIFEST}", content[0][:100])
    with pytest.raises(UnreadableError, match=r"manifest.json is damaged"):
        judge(lake, OFFERS, version)


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([offer("de", title, D2) for title in TITLES], []),
        ([offer("de", title, D2) for title in (*TITLES, "t5", "t6", "t7")], ["keys_added"]),
        ([offer("de", title, D2) for title in TITLES[:3]], []),
        ([offer("de", title, D2) for title in TITLES[:2]], ["keys_removed"]),
        (
            [offer("de", title, D2, words=["x"]) for title in TITLES],
            ["keys_changed"],
        ),
        ([offer("de", title, D2, terms=None) for title in TITLES], []),
    ],
    ids=["the same", "three more", "one fewer", "two fewer", "other words", "other terms, which nobody compares"],
)
def test_a_version_may_differ_from_the_active_within_its_gates(
    gated: KeptLake, in_process: None, rows: list[dict[str, object]], refused: list[str]
) -> None:
    lake = gated.begin()
    publish_offers(lake, rows, D2)
    gate = judge(lake, OFFERS, build(lake, OFFERS).version)
    assert (failed(gate), gate.compared_with) == (refused, versions_of(lake).pointer().active)


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    """A lake with gates, whose active version has four offers."""
    folder = tmp_path_factory.mktemp("gated")
    settings = served_settings(folder, GATES)

    def fill(lake: Lake) -> None:
        publish_offers(lake, [offer("de", title) for title in TITLES])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("matinee.features.shards.sorted_rows", rows_here)
            version = build(lake, OFFERS).version
        assert judge(lake, OFFERS, version).compared_with is None
        activate(versions_of(lake), version, "me")

    return KeptLake(folder, fill, lambda _: Lake.open(settings))


def test_two_samples_are_compared_by_the_keys_that_both_would_have() -> None:
    few, many = Sample.begin(SAMPLED), Sample.begin(5 * SAMPLED)
    assert (few.every, many.every) == (1, 4)
    keys = [b"%d" % number for number in range(100)]
    few.entries = dict.fromkeys(keys, b"a")
    before, after = Sample.common(few, many)
    assert 0 < len(before) < 100
    assert after == {}
    read = Sample.from_bytes(few.to_bytes())
    assert (read.every, read.entries) == (1, few.entries)
