"""Stores: what each has to do with versions of a dataset whose keys have three columns and whose values are nested."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D2, D3, KeptLake
from tests.support.served import OFFERS, offer, publish_offers, served_settings, value, versions_of
from tests.support.stores import STORES, empty_store

from matinee.errors import RepeatedKeyError, VersionGoneError
from matinee.serving import declaration
from matinee.serving.activation import rollback
from matinee.serving.building import build
from matinee.serving.collecting import collect, leftovers
from matinee.serving.forgetting import forget
from matinee.serving.gate import judge
from matinee.serving.keys import after
from matinee.serving.step import step
from matinee.serving.stores.choice import store_of
from matinee.serving.stores.protocol import Database, Entry, Store
from matinee.table.catalog import Lake

STARTS = date(2026, 1, 1)
ROWS = [offer(country, title) for country in ("de", "é\x00", "us") for title in ("t1", "t2")]
#: Texts are in the order of their bytes, and é has two of them.
KEYS = [(country, title, STARTS) for country in ("de", "us", "é\x00") for title in ("t1", "t2")]


@pytest.fixture(params=STORES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each store in turn, empty."""
    empty_store(request.param, request, monkeypatch)
    return str(request.param)


@pytest.fixture(scope="module")
def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    folder = tmp_path_factory.mktemp("stores")
    settings = served_settings(folder, "keep: 2\n")
    return KeptLake(folder, lambda lake: publish_offers(lake, ROWS), lambda _: Lake.open(settings))


@pytest.fixture
def lake(kept_lake: KeptLake, name: str, in_process: None) -> Lake:
    """A lake that serves the offers of one day from the store."""
    lake = kept_lake.begin()
    file = lake.registry.get(OFFERS).folder / declaration.FILE_NAME
    lines = [line for line in file.read_text().splitlines() if not line.startswith("store:")]
    file.write_text("\n".join([*lines, f"store: {name}\n"]))
    step(lake.settings, OFFERS)
    return lake


def store(lake: Lake, name: str) -> Store:
    return store_of(versions_of(lake), name)


@contextmanager
def opened(lake: Lake, folder: Path, version: str | None = None) -> Iterator[Database]:
    manifest = versions_of(lake).manifest(version or versions_of(lake).pointer().active or "")
    folder = folder / f"opened-{len(list(folder.iterdir()))}"
    folder.mkdir()
    database = store(lake, manifest.plan.store).open(manifest, folder)
    try:
        yield database
    finally:
        database.close()


def keys(lake: Lake, entries: Iterator[Entry]) -> list[tuple[object, ...]]:
    key = versions_of(lake).manifest(versions_of(lake).pointer().active or "").plan.key
    return [key.decode(entry.key) for entry in entries]


def countries(lake: Lake, folder: Path, version: str | None = None) -> list[object]:
    with opened(lake, folder, version) as database:
        return [key[0] for key in keys(lake, database.scan(b"", None))]


def test_a_version_is_read_by_key_and_by_many_keys(lake: Lake, tmp_path: Path) -> None:
    plan = versions_of(lake).manifest(versions_of(lake).pointer().active or "").plan
    asked = [
        plan.key.encode(values) for values in (KEYS[5], ("aa", "t1", STARTS), KEYS[0], ("é", "t1", STARTS), KEYS[5])
    ]
    with opened(lake, tmp_path) as database:
        told = [None if content is None else plan.value.decode(content) for content in database.get(asked)]
        assert database.get([]) == []
    assert told == [value(ROWS[3]), None, value(ROWS[0]), None, value(ROWS[3])]


def test_a_version_is_read_in_the_order_of_its_keys(lake: Lake, tmp_path: Path) -> None:
    encode = versions_of(lake).manifest(versions_of(lake).pointer().active or "").plan.key.encode
    with opened(lake, tmp_path) as database:
        assert keys(lake, database.scan(b"", None)) == KEYS
        assert keys(lake, database.scan(encode(KEYS[1]), encode(KEYS[4]))) == KEYS[1:4]
        assert keys(lake, database.scan(encode(["us"]), after(encode(["us"])))) == KEYS[2:4]
        assert keys(lake, database.scan(encode(["x"]), encode(["y"]))) == []
        assert keys(lake, database.scan(encode(["us", "t2"]), None)) == KEYS[3:]


def test_what_is_built_passes_its_gate_and_says_how_large_it_is(lake: Lake) -> None:
    manifest = versions_of(lake).manifest(versions_of(lake).pointer().active or "")
    gate = versions_of(lake).gate(manifest.version)
    assert gate is not None
    assert [verdict.verdict for verdict in gate.verdicts] == ["pass"] * 4
    assert ([shard.keys for shard in manifest.shards], manifest.bytes > 100) == ([2, 2, 2], True)


def test_a_lost_entry_keeps_a_version_from_passing(lake: Lake, name: str, tmp_path: Path) -> None:
    manifest = versions_of(lake).manifest(versions_of(lake).pointer().active or "")
    with opened(lake, tmp_path) as database:
        [_, second, *_] = database.scan(b"", None)
    shard = store(lake, name).write(manifest.version, 0, [second])
    versions_of(lake).put(manifest.version, "manifest.json", replace(manifest, shards=(shard, *manifest.shards[1:])))
    failed = [verdict.audit for verdict in judge(lake, OFFERS, manifest.version).verdicts if verdict.blocks]
    assert failed == ["keys_equal_rows", "entries_equal_rows", "rows_read_back"]


def test_a_rollback_goes_back_to_entries_that_are_still_there(lake: Lake, tmp_path: Path) -> None:
    publish_offers(lake, [offer("fr", "t1", D2)], D2)
    step(lake.settings, OFFERS)
    assert countries(lake, tmp_path) == ["fr"]
    rollback(versions_of(lake), "me")
    assert len(countries(lake, tmp_path)) == 6


def test_what_is_collected_is_gone_from_the_store(lake: Lake, name: str, tmp_path: Path) -> None:
    first = versions_of(lake).manifest(versions_of(lake).pointer().active or "")
    for day in (D2, D3):
        publish_offers(lake, [offer("fr", "t1", day)], day)
        step(lake.settings, OFFERS)
    assert first.version not in versions_of(lake).names()
    with pytest.raises(VersionGoneError):
        store(lake, name).open(first, tmp_path / "gone")
    assert store(lake, name).written(first.version, 0) is None


def test_a_repeated_key_stops_a_build_and_leaves_nothing(lake: Lake, name: str, tmp_path: Path) -> None:
    publish_offers(lake, [offer("de", "t1", D2), offer("us", "t1", D2), offer("us", "t1", D2, words=[])], D2)
    with pytest.raises(RepeatedKeyError, match="country = 'us', title_id = 't1'"):
        build(lake, OFFERS)
    [leftover] = leftovers(versions_of(lake), declaration.load(lake.registry.get(OFFERS)))
    collect(versions_of(lake), leftover)
    assert [store(lake, name).written(leftover.version, number) for number in range(3)] == [None] * 3
    assert len(countries(lake, tmp_path)) == 6


def test_a_second_try_of_a_task_counts_and_the_first_is_tidied(lake: Lake, name: str, tmp_path: Path) -> None:
    manifest = versions_of(lake).manifest(versions_of(lake).pointer().active or "")
    with opened(lake, tmp_path) as database:
        entries = [entry for entry in database.scan(b"", None) if entry.key <= bytes.fromhex(manifest.shards[0].last)]
    again = store(lake, name).write(manifest.version, 0, entries)
    assert (again.keys, again.total) == (manifest.shards[0].keys, manifest.shards[0].total)
    store(lake, name).tidy(replace(manifest, shards=(again, *manifest.shards[1:])))
    versions_of(lake).put(manifest.version, "manifest.json", replace(manifest, shards=(again, *manifest.shards[1:])))
    assert judge(lake, OFFERS, manifest.version).has_passed


def test_a_version_that_the_store_has_lost_is_built_again(lake: Lake, name: str, tmp_path: Path) -> None:
    before, manifest = versions_of(lake).pointer(), versions_of(lake).active()
    assert manifest is not None
    store(lake, name).delete(manifest.version)
    assert not store(lake, name).has(manifest)
    assert step(lake.settings, OFFERS).details["version"] == before.active
    assert (len(countries(lake, tmp_path)), versions_of(lake).pointer().number) == (6, before.number + 1)
    gate = versions_of(lake).gate(manifest.version)
    assert gate is not None
    assert gate.has_passed


def test_who_is_forgotten_is_gone_from_the_store(lake: Lake, tmp_path: Path) -> None:
    publish_offers(lake, [offer("de", f"t{number:03}", D2) for number in range(200)] + [offer("fr", "t1", D2)], D2)
    step(lake.settings, OFFERS)
    first, second = versions_of(lake).names()
    assert forget(lake, OFFERS, ["de"]) == {first: 2, second: 200}
    assert countries(lake, tmp_path, first) == ["us", "us", "é\x00", "é\x00"]
    assert countries(lake, tmp_path, second) == ["fr"]
    manifest = versions_of(lake).manifest(first)
    assert manifest.plan.key.decode(bytes.fromhex(manifest.shards[0].first))[0] == "us"
    assert all(judge(lake, OFFERS, version).has_passed for version in (first, second))
    assert forget(lake, OFFERS, ["de"]) == {first: 0, second: 0}
