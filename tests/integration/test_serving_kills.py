"""kill -9 of a build, an activation, a collection, a forgetting: the old version serves on, the next call finishes."""

from datetime import date
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import D1, D2, D3
from tests.support.served import OFFERS, in_process, offer, publish_offers, served_settings, versions_of
from tests.support.stores import empty_store

from matinee.serving import declaration
from matinee.serving.collecting import collect, leftovers
from matinee.serving.forgetting import forget
from matinee.serving.gate import judge
from matinee.serving.keys import after
from matinee.serving.step import step
from matinee.serving.stores.choice import store_of
from matinee.table.catalog import Lake

__all__ = ["in_process"]
#: The stores; those that are servers are killed at in `make verify` only.
KILLED = [
    "rocksdb",
    pytest.param("redis", marks=[pytest.mark.redis, pytest.mark.slow]),
    pytest.param("dynamodb", marks=[pytest.mark.aws, pytest.mark.slow]),
]
ACT = ("-m", "tests.support.served")
IN_GC, IN_FORGET = ("kv.after_unlisted",), ("kv.after_rewritten", "kv.after_forgotten")
IN_SERVE = [point for point in points_of("kv") if point not in (*IN_GC, *IN_FORGET)]


@pytest.fixture(params=KILLED)
def lake(request: pytest.FixtureRequest, tmp_path: Path, in_process: None, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that serves the offers of one day from each store in turn, and has published those of the next."""
    empty_store(request.param, request, monkeypatch)
    settings = served_settings(tmp_path, f"keep: 2\nstore: {request.param}\n")
    monkeypatch.setenv("MATINEE_SQL_DIR", str(settings.sql_dir))
    lake = Lake.open(settings)
    publish_offers(lake, [offer("de", "t1"), offer("fr", "t1")])
    step(settings, OFFERS)
    publish_offers(lake, [offer("de", "t2", D2), offer("fr", "t2", D2), offer("us", "t2", D2)], D2)
    return lake


def answered(lake: Lake, folder: Path, *prefix: str) -> tuple[date, list[str]]:
    """The key of the active version, and the countries of its entries."""
    versions = versions_of(lake)
    manifest = versions.manifest(versions.pointer().active or "")
    begin, folder = manifest.plan.key.encode(prefix), folder / f"{len(list(folder.iterdir()))}"
    folder.mkdir()
    database = store_of(versions, manifest.plan.store).open(manifest, folder)
    try:
        entries = list(database.scan(begin, after(begin)))
        return manifest.plan.source.key, [str(manifest.plan.key.decode(key)[0]) for key, _ in entries]
    finally:
        database.close()


def whole(lake: Lake) -> bool:
    """Whether every file belongs to a version that is whole."""
    versions = versions_of(lake)
    return all(versions.find(version) for version in versions.names())


@pytest.mark.slow
@pytest.mark.parametrize("point", IN_SERVE)
def test_a_version_that_was_cut_off_is_finished_by_the_next_call(lake: Lake, tmp_path: Path, point: str) -> None:
    die(lake.settings, point, tmp_path / "marker", *ACT, "serve")
    expected = (D2, ["de", "fr", "us"]) if point == "kv.after_pointer" else (D1, ["de", "fr"])
    assert answered(lake, tmp_path) == expected
    step(lake.settings, OFFERS)
    assert answered(lake, tmp_path) == (D2, ["de", "fr", "us"])
    assert whole(lake)


def test_what_a_dead_build_has_left_is_collected_after_another(lake: Lake, tmp_path: Path) -> None:
    die(lake.settings, "kv.after_shards", tmp_path / "marker", *ACT, "serve")
    assert not whole(lake)
    publish_offers(lake, [offer("us", "t3", D3)], D3)
    step(lake.settings, OFFERS)
    assert (whole(lake), answered(lake, tmp_path)) == (True, (D3, ["us"]))


@pytest.mark.parametrize("lake", KILLED[:1], indirect=True)
def test_shards_that_are_written_are_not_written_again(lake: Lake, tmp_path: Path) -> None:
    die(lake.settings, "kv.after_shards", tmp_path / "marker", *ACT, "serve")
    versions = versions_of(lake)
    [version] = [name for name in versions.names() if versions.find(name) is None]
    files = [name for name in versions.files.names(f"{version}/") if name.endswith(".sst")]
    versions.files.delete(f"{version}/shard-0001.json")
    step(lake.settings, OFFERS)
    left = [name for name in versions.files.names(f"{version}/") if name.endswith(".sst")]
    assert [name in files for name in left] == [True, False, True]
    assert answered(lake, tmp_path) == (D2, ["de", "fr", "us"])


@pytest.mark.parametrize("point", IN_GC)
def test_a_collection_that_was_cut_off_is_finished_by_the_next(lake: Lake, tmp_path: Path, point: str) -> None:
    step(lake.settings, OFFERS)
    publish_offers(lake, [offer("us", "t3", D3)], D3)
    die(lake.settings, point, tmp_path / "marker", *ACT, "serve")
    assert (whole(lake), answered(lake, tmp_path)) == (False, (D3, ["us"]))
    for leftover in leftovers(versions_of(lake), declaration.load(lake.registry.get(OFFERS))):
        collect(versions_of(lake), leftover)
    assert (whole(lake), len(versions_of(lake).names())) == (True, 2)


@pytest.mark.parametrize("point", IN_FORGET)
def test_who_was_forgotten_in_part_is_forgotten_by_the_next_call(lake: Lake, tmp_path: Path, point: str) -> None:
    step(lake.settings, OFFERS)
    die(lake.settings, point, tmp_path / "marker", *ACT, "forget")
    forget(lake, OFFERS, ["de"])
    assert answered(lake, tmp_path) == (D2, ["fr", "us"])
    versions = versions_of(lake)
    for version in versions.names():
        assert judge(lake, OFFERS, version).has_passed
        manifest = versions.manifest(version)
        named = {f"{version}/{shard.file}" for shard in manifest.shards if shard.sha256}
        assert {name for name in versions.files.names(f"{version}/") if name.endswith(".sst")} == named
        assert b"de\x00\x01" not in b"".join(
            path.read_bytes() for path in versions.files.folder.glob(f"{version}/*.sst")
        )  # type: ignore[attr-defined]
