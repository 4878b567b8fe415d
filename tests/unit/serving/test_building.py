"""Versions: built of published rows, once for the same rows, and recorded whole or not at all."""

from datetime import date
from pathlib import Path

import pytest
from tests.support.catalogs import aws_settings
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, served_sql, value, versions_of

from matinee.errors import InputsNotValidError, RepeatedKeyError, UsageError
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.serving.building import build
from matinee.serving.forgetting import forget
from matinee.serving.step import step
from matinee.serving.stores.rocksdb import RocksDb
from matinee.table import names
from matinee.table.catalog import Lake


def entries(lake: Lake, version: str, folder: Path) -> dict[tuple[object, ...], dict[str, object]]:
    """All entries of a version."""
    manifest = versions_of(lake).manifest(version)
    database = RocksDb(versions_of(lake).files).open(manifest, folder)
    try:
        return {
            manifest.plan.key.decode(key): manifest.plan.value.decode(content)
            for key, content in database.scan(b"", None)
        }
    finally:
        database.close()


def test_a_version_has_the_rows_of_its_key(lake: Lake, tmp_path: Path) -> None:
    manifest = build(lake, OFFERS)
    starts = date(2026, 1, 1)
    assert entries(lake, manifest.version, tmp_path) == {
        (country, title, starts): value(offer(country, title))
        for country in ("de", "fr", "us")
        for title in ("t1", "t2")
    }
    assert (manifest.rows, manifest.keys, manifest.plan.source.key) == (6, 6, D1)
    assert [shard.keys for shard in manifest.shards] == [2, 2, 2]


def test_rows_that_have_not_changed_are_built_once(lake: Lake) -> None:
    first, told = build(lake, OFFERS), list[str]()
    assert build(lake, OFFERS, tell=told.append) == first
    assert told == [f"{first.version} is built already"]


def test_the_snapshot_is_held_while_a_version_is_built(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    held = list[list[str]]()

    def look(point: str) -> None:
        if point == "kv.after_shards":
            held.append([name for name in lake.table(OFFERS).metadata.refs if name.startswith(names.PIN)])

    monkeypatch.setattr("matinee.faults.reach", look)
    version = build(lake, OFFERS).version
    assert held == [[f"pin_kv_dims_offers_{version}"]]
    assert not any(name.startswith(names.PIN) for name in lake.table(OFFERS).metadata.refs)


def test_a_repeated_key_stops_the_build_and_names_itself(lake: Lake) -> None:
    publish_offers(lake, [offer("de", "t1"), offer("de", "t1", words=[]), offer("fr", "t2")], attempt="again")
    with pytest.raises(
        RepeatedKeyError, match=r"country = 'de', title_id = 't1', starts = datetime.date\(2026, 1, 1\)"
    ):
        build(lake, OFFERS)
    assert [versions_of(lake).find(version) for version in versions_of(lake).names()] == [None]


def test_the_newest_valid_day_is_built_where_none_is_named(lake: Lake) -> None:
    publish_offers(lake, [offer("de", "t9", D2)], D2)
    assert build(lake, OFFERS).plan.source.key == D2
    assert build(lake, OFFERS, D1).plan.source.key == D1
    newest = history(lake, OFFERS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "wrong prices")
    assert build(lake, OFFERS).plan.source.key == D1
    with pytest.raises(InputsNotValidError, match="withdrawn: wrong prices"):
        build(lake, OFFERS, D2)


def test_a_day_without_a_publication_is_not_built(lake: Lake) -> None:
    with pytest.raises(InputsNotValidError, match="2026-03-02 is not served"):
        build(lake, OFFERS, D2)


def test_a_dataset_without_a_declaration_is_not_built(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"core.plays is not served"):
        build(lake, "core.plays")


@pytest.mark.aws
def test_a_version_may_lie_in_s3(request: pytest.FixtureRequest, tmp_path: Path, in_process: None) -> None:
    settings = aws_settings(request.getfixturevalue("aws_endpoint"), tmp_path / "home")
    lake = Lake.open(settings.model_copy(update={"sql_dir": served_sql(tmp_path)}))
    rows = [offer(country, "t1") for country in ("de", "fr", "us")]
    publish_offers(lake, rows)
    report = step(lake.settings, OFFERS)
    version = versions_of(lake).pointer().active
    assert version == report.details["version"]
    assert list(entries(lake, version, tmp_path / "opened").values()) == list(map(value, rows))
    assert forget(lake, OFFERS, ["de"]) == {version: 1}
    left = entries(lake, version, tmp_path / "again")
    assert [key[0] for key in left] == ["fr", "us"]
    assert sum(name.endswith(".sst") for name in versions_of(lake).files.names()) == 2
