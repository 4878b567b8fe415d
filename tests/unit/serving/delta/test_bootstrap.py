"""A delta whose topic no longer reaches back takes the landed events of its days, and goes on at their offsets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.lakes import arrow, make_lake
from tests.support.sent import FIRST, READER, Row, read, sent

from matinee.landing.model import Landing
from matinee.serving.delta.bootstrap import Landed, bootstrap
from matinee.serving.delta.store import Delta
from matinee.table.catalog import Lake

RAW = "raw.impressions"


@pytest.fixture
def delta(tmp_path: Path) -> Iterator[Delta]:
    opened = Delta(tmp_path / "delta", FIRST)
    yield opened
    opened.close()


def land_streamed(lake: Lake, rows: list[Row], through: dict[str, int]) -> None:
    """Land rows as a stream does that has read a topic up to offsets."""
    table = lake.ensure(RAW)
    landing = Landing(
        dataset=RAW,
        file="impressions",
        sha256="0" * 64,
        rows_in=len(rows),
        rows_landed=len(rows),
        rows_quarantined=0,
        unknown_fields={},
        received_ts=rows[0]["received_ts"],
        after={},
        through=through,
        topic_id="the topic",
    )
    full = [row | {"landing_seq": 1, "file": "impressions/0"} for row in rows]
    table.append(arrow(table, full), snapshot_properties=landing.to_summary())


def test_landed_events_of_the_delta_s_days_are_added_once(tmp_path: Path, delta: Delta) -> None:
    lake = make_lake(tmp_path / "home")
    land_streamed(lake, [sent("e1"), sent("e1"), sent("e2", 24 * 60), sent("e3", -1)], {"impressions/0": 7})
    delta.apply([read(sent("e2", 24 * 60))], delta.state)
    assert bootstrap(lake, delta, READER) == Landed("the topic", {0: 7})
    assert (delta.state.events, delta.state.repeats) == (2, 2)
    delta.apply([read(sent("e1"))], delta.state)
    assert (delta.state.events, delta.state.repeats) == (2, 3)


def test_without_landings_of_a_stream_nothing_is_added(tmp_path: Path, delta: Delta) -> None:
    assert bootstrap(make_lake(tmp_path / "home"), delta, READER) is None
