"""Markers: each system says which of its commits expiry has to keep."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.errors import EnvironmentNotReadyError
from matinee.landing.model import Landing
from matinee.live.progress import Progress
from matinee.maintenance.retention import plan_expiry
from matinee.table import markers, names, refs

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
