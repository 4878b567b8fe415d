"""A copied lake: nothing that is done in it changes the original."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, PLANNED, close_days, ids, land, make_lake, raw_play

from matinee.cli import doctor
from matinee.errors import ConservationError, ForeignTableError
from matinee.ledger.pins import hold
from matinee.maintenance import upkeep
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import hold as hold_lease
from matinee.table.location import is_below, relative

RAW = "raw.plays"


@pytest.fixture
def copied(tmp_path: Path) -> Lake:
    """A lake that was copied by `cp -a`; the original lies beside it."""
    original = make_lake(tmp_path / "original")
    land(original, RAW, [raw_play(D1)])
    original.ensure("core.plays")
    shutil.copytree(tmp_path / "original", tmp_path / "copy", symlinks=True)
    return make_lake(tmp_path / "copy")


def state(lake: Lake) -> dict[str, str]:
    """Return the files of the original, each with its first bytes."""
    home = lake.settings.home.parent / "original"
    files = sorted(path for path in (home / "warehouse").rglob("*") if path.is_file())
    return {str(path.relative_to(home)): path.read_bytes().hex()[:64] for path in files}


def lease(lake: Lake) -> None:
    with hold_lease(lake, "ops.manifests", "work", "one"):
        pass


CHANGES: dict[str, Callable[[Lake], object]] = {
    "land": lambda lake: land(lake, RAW, [raw_play(D1, "p2")]),
    "declare": lambda lake: close_days(lake, RAW, {D1: 2}),
    "plan": lambda lake: plan(lake, RunRequest("core.plays", D1, D1)),
    "tag": lambda lake: refs.create_tag(lake.table(RAW), "x", refs.head(lake.table(RAW))),
    "branch": lambda lake: refs.create_branch(lake.table(RAW), "x", refs.head(lake.table(RAW))),
    "commit": lambda lake: commit_nothing(lake, RAW, "main", {}),
    "pin": lambda lake: hold(lake, "r1", {RAW: refs.head(lake.table(RAW))}),
    "lease": lease,
    "orphans": lambda lake: upkeep.remove_orphans(lake.settings, RAW, PLANNED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_copied_lake_is_refused_and_the_original_stays(copied: Lake, change: str) -> None:
    before = state(copied)
    with pytest.raises(ForeignTableError, match=r"not below the warehouse.*matinee lake relocate") as refused:
        CHANGES[change](copied)
    assert not refused.value.retryable
    assert state(copied) == before


def test_an_expiry_in_a_copied_lake_is_refused(copied: Lake) -> None:
    original = make_lake(copied.settings.home.parent / "original")
    land(original, RAW, [raw_play(D1, "p2")], seq=2)
    shutil.copy(original.settings.home / "catalog.db", copied.settings.home / "catalog.db")
    old = refs.ancestry(copied.table(RAW))[-1]
    with pytest.raises(ForeignTableError):
        expire(copied, replace(plan_expiry(copied, RAW, PLANNED), snapshot_ids=(old,)))


def test_a_copied_lake_is_read_with_a_warning(copied: Lake, caplog: pytest.LogCaptureFixture) -> None:
    assert ids(copied, RAW, "play_id") == ["p1"]
    assert any("not below this lake's warehouse" in record.getMessage() for record in caplog.records)


def test_the_doctor_tells_of_a_copied_lake(copied: Lake) -> None:
    row = doctor._checked("location", doctor.CHECKS["location"], copied.settings)
    assert row["state"] == "failed"
    assert "matinee lake relocate" in str(row["next"])


def test_a_lake_behind_a_link_is_the_same_lake(tmp_path: Path) -> None:
    land(make_lake(tmp_path / "real"), RAW, [raw_play(D1)])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    lake = make_lake(tmp_path / "link")
    land(lake, RAW, [raw_play(D1, "p2")], seq=2)
    assert ids(lake, RAW, "play_id") == ["p1", "p2"]


@pytest.mark.parametrize(
    ("location", "folder", "below"),
    [
        ("file:/a/w/core/plays", "file:///a/w", True),
        ("/a/w/core/plays", "file:///a/w/", True),
        ("file:///a/w2/core/plays", "file:///a/w", False),
        ("s3a://b/w/core", "s3://b/w", True),
        ("s3://b/w2/core", "s3://b/w", False),
        ("s3://c/w/core", "s3://b/w", False),
        ("file:///a/w/../x/core", "file:///a/w", False),
    ],
)
def test_a_location_is_compared_however_it_is_written(location: str, folder: str, below: bool) -> None:
    assert is_below(location, folder) is below


def test_a_link_leads_to_its_folder_unless_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    inside, outside = f"{tmp_path}/link/a", f"{tmp_path}/real/a"
    assert is_below(inside, f"{tmp_path}/real")
    assert is_below(outside, f"{tmp_path}/link")
    assert not is_below(inside, f"{tmp_path}/real", links=False)
    assert not is_below(outside, f"{tmp_path}/link", links=False)
    assert is_below(inside, f"{tmp_path}/link", links=False)


def test_the_path_below_a_folder_is_told_and_no_other_has_one() -> None:
    assert relative("file:/lake/data/x.parquet", "/lake") == "data/x.parquet"
    for path in ("/lake", "/lakes/x", "/other/lake/x"):
        with pytest.raises(ConservationError, match="does not lie below /lake"):
            relative(path, "/lake")
