"""Markers: each system says which of its commits expiry has to keep."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.errors import EnvironmentNotReadyError
from matinee.landing.model import Landing
from matinee.live.progress import Progress
from matinee.maintenance.retention import plan_expiry
from matinee.table import markers, names, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def landing(through: dict[str, int]) -> Landing:
    return Landing("raw.plays", "plays/0", "aa", 1, 1, 0, {}, NOW, through=through)


def test_the_progress_of_a_live_table_is_a_marker() -> None:
    assert markers.name_in(Progress({"raw.plays": 3}).to_summary()) == "live"


def test_what_a_stream_landed_is_a_marker_of_its_dataset() -> None:
    assert markers.name_in(landing({"plays/0": 7}).to_summary()) == "stream_raw_plays"


def test_a_landed_file_is_no_marker() -> None:
    assert markers.name_in(landing({}).to_summary()) is None


def test_expiry_refuses_a_table_with_a_marker_of_no_installed_system(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure("raw.plays")
    refs.create_tag(table, f"{names.MARKER}served", refs.head(table))
    with pytest.raises(EnvironmentNotReadyError, match="marker_served"):
        plan_expiry(lake, "raw.plays", NOW)


def is_noted(summary: Mapping[str, str]) -> bool:
    return "note" in summary


def note(lake: Lake, text: str | None = None) -> int:
    commit_nothing(lake, "raw.plays", refs.MAIN, {"note": text} if text else {})
    return refs.head(lake.table("raw.plays"))


def test_expiry_takes_a_table_with_the_markers_of_installed_systems(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure("raw.plays")
    commit_nothing(lake, "raw.plays", refs.MAIN, landing({"plays/0": 7}).to_summary())
    table = lake.table("raw.plays")
    markers.refuse_unknown(refs.create_tag(table, f"{names.MARKER}stream_raw_plays", refs.head(table)))


def test_the_newest_commit_that_is_a_marker_is_told_with_its_summary(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure("raw.plays")
    assert markers.newest(table, "x", is_noted) is markers.summary(table, "x", is_noted) is None
    note(lake, "older")
    newest = note(lake, "newer")
    note(lake)
    table = lake.table("raw.plays")
    assert markers.newest(table, "x", is_noted) == newest
    assert dict(markers.summary(table, "x", is_noted) or {})["note"] == "newer"


def test_a_marker_that_was_kept_is_told_where_main_does_not_lead_to_it(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    base = refs.head(lake.ensure("raw.plays"))
    marker = note(lake, "kept")
    table = markers.keep(lake.table("raw.plays"), {"x": marker})
    table = refs.move_branch(table, refs.MAIN, base, expected=marker)
    assert markers.newest(table, "x", is_noted) == marker
    assert markers.newest(table, "y", is_noted) is None


def test_the_tag_of_a_marker_moves_with_it_and_stays_where_it_is_right(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure("raw.plays")
    older, newer = note(lake, "older"), note(lake, "newer")
    table = markers.keep(lake.table("raw.plays"), {"x": older, "y": newer})
    again = markers.keep(table, {"x": newer, "y": newer})
    tags = {name: refs.reference(again, names.MARKER + name) for name in ("x", "y")}
    assert tags == {"x": newer, "y": newer}
    assert markers.keep(again, {"x": newer, "y": newer}) is again
