"""The checkpoint of the topics is removed where the tables lack records that it counts as done. No engine."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import make_lake
from tests.support.lost_catalogs import put_back, save_catalog

from matinee.contracts.registry import Registry
from matinee.errors import LeaseLostError
from matinee.landing.model import Landing
from matinee.live.checkpoint import checkpoint_of, note_landed, remove_lost
from matinee.live.lease import streaming
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import Lease

RAW = "raw.plays"


@pytest.fixture(params=["files: true, topic: plays", "topic: plays"])
def lake(tmp_path: Path, request: pytest.FixtureRequest) -> Lake:
    """A lake with a raw table of files and a topic, or of a topic alone."""
    settings = make_lake(tmp_path / "home").settings
    shutil.copytree(settings.sql_dir, tmp_path / "sql")
    contract = tmp_path / "sql/raw/plays/contract.odcs.yaml"
    contract.write_text(contract.read_text().replace("files: true, topic: plays", request.param))
    lake = Lake.open(settings.model_copy(update={"sql_dir": tmp_path / "sql"}))
    lake.ensure(RAW)
    return lake


@pytest.fixture
def lease(lake: Lake) -> Iterator[Lease]:
    with streaming(lake) as lease:
        yield lease


@pytest.fixture
def checkpoint(lake: Lake) -> Path:
    folder = checkpoint_of(lake.settings)
    folder.mkdir()
    return folder


def land(lake: Lake, through: Mapping[str, int]) -> None:
    name = str(through)
    told = Landing(RAW, name, "ab" * 32, 1, 1, 0, {}, datetime(2026, 3, 1, tzinfo=UTC), through=through)
    commit_nothing(lake, RAW, refs.MAIN, told.to_summary())


def test_a_checkpoint_stays_while_the_tables_have_what_was_noted_or_more(lease: Lease, checkpoint: Path) -> None:
    for through in ({"plays/0": 3}, {"plays/0": 5, "plays/1": 1}):
        land(lease.lake, through)
        note_landed(lease, checkpoint)
        remove_lost(lease.lake, checkpoint)
        assert checkpoint.exists()
    land(lease.lake, {"plays/0": 6, "plays/1": 1, "plays/2": 1})
    remove_lost(lease.lake, checkpoint)
    assert checkpoint.exists()


def test_a_checkpoint_of_a_topic_alone_goes_where_the_catalog_has_less(
    lake: Lake, checkpoint: Path, tmp_path: Path
) -> None:
    streamed = replace(lake.registry.get(RAW), files=False)
    alone = replace(lake, registry=Registry({**lake.registry.contracts, RAW: streamed}))
    with streaming(alone) as lease:
        save_catalog(lake.settings, tmp_path / "older")
        land(lake, {"plays/0": 5})
        note_landed(lease, checkpoint)
        put_back(lake.settings, tmp_path / "older")
        remove_lost(alone, checkpoint)
    assert not checkpoint.exists()


@pytest.mark.parametrize("again", [{"plays/0": 4}, {"plays/0": 9}], ids=["less", "less of one partition"])
def test_a_checkpoint_goes_where_an_older_catalog_has_less(
    lease: Lease, checkpoint: Path, tmp_path: Path, again: Mapping[str, int]
) -> None:
    land(lease.lake, {"plays/0": 3})
    save_catalog(lease.lake.settings, tmp_path / "older")
    land(lease.lake, {"plays/0": 5, "plays/1": 1})
    note_landed(lease, checkpoint)
    put_back(lease.lake.settings, tmp_path / "older")
    land(lease.lake, again)
    remove_lost(lease.lake, checkpoint)
    assert not checkpoint.exists()
    remove_lost(lease.lake, checkpoint)


def test_a_checkpoint_of_which_nothing_was_noted_goes(lake: Lake, checkpoint: Path) -> None:
    remove_lost(lake, checkpoint)
    assert not checkpoint.exists()


def test_nothing_is_noted_once_an_older_catalog_was_put_back(lake: Lake, checkpoint: Path, tmp_path: Path) -> None:
    save_catalog(lake.settings, tmp_path / "older")
    with streaming(lake) as lease:
        land(lake, {"plays/0": 3})
        put_back(lake.settings, tmp_path / "older")
        with pytest.raises(LeaseLostError):
            note_landed(lease, checkpoint)
    assert list(checkpoint.iterdir()) == []
