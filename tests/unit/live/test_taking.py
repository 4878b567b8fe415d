"""What a source yields is landed batch by batch, each content once: pages of an HTTP API, and manifests among them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.lakes import ids, make_lake
from tests.support.paged_api import Api, Served, served

from matinee.contracts.model import MANIFEST
from matinee.live.lease import streaming
from matinee.live.register import ticks
from matinee.live.taking import take
from matinee.sources.found import Found
from matinee.sources.protocol import Source
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.validity.look import Look
from matinee.validity.manifests import MANIFESTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RAW = "raw.plays"


def play(name: str) -> dict[str, object]:
    return {"play_id": name, "profile_id": "ana", "title_id": "t", "start_ts": "2026-03-01T12:00:00Z"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


@pytest.fixture
def api() -> Iterator[Served]:
    with served({"": [play("a")], "second": [play("b"), {"play_id": "no play"}]}) as pages:
        yield pages


def taken(lake: Lake, source: Source) -> list[tuple[int | None, int | None]]:
    """Take what a source holds; return the rows that its batches brought, good and bad."""
    known = len(ticks(lake))
    session: SparkSession = None  # type: ignore[assignment] - no engine lands pages
    with streaming(lake) as lease:
        take(lake.settings, source, lease, session)
    return [(done.rows_landed, done.rows_quarantined) for done in ticks(lake)[known:]]


def test_each_page_is_landed_as_a_batch_once(lake: Lake, api: Served) -> None:
    assert taken(lake, Api(api.address, RAW)) == [(1, 0), (1, 1)]
    assert taken(lake, Api(api.address, RAW)) == []
    assert ids(lake, RAW, "play_id") == ["a", "b"]


def test_a_rate_limit_only_makes_the_source_wait(lake: Lake, api: Served) -> None:
    taken(lake, Api(api.address, RAW))
    assert api.refused > 0
    assert ids(lake, RAW, "play_id") == ["a", "b"]


def test_a_page_that_has_changed_is_landed_whole(lake: Lake, api: Served) -> None:
    taken(lake, Api(api.address, RAW))
    api.pages["second"] = [play("b"), play("c")]
    assert taken(lake, Api(api.address, RAW)) == [(2, 0)]
    assert ids(lake, RAW, "play_id") == ["a", "b", "b", "c"]


def test_rows_of_a_page_bear_the_address_of_the_page(lake: Lake, api: Served) -> None:
    taken(lake, Api(api.address, RAW))
    [bad] = lake.table("raw.quarantine").scan().to_arrow().to_pylist()
    assert (bad["file"], bad["line"]) == (f"{api.address}?page_token=second", 2)


def test_a_batch_is_landed_before_the_next_batch_is_asked_for(lake: Lake) -> None:
    seen = []

    class Confirming:
        def poll(self, lease: Lease) -> Iterator[list[Found]]:
            for name in ("a", "b"):
                yield [Found(name, RAW, content=str(play(name)).replace("'", '"').encode())]
                seen.append(ids(lease.lake, RAW, "play_id"))

    taken(lake, Confirming())
    assert seen == [["a"], ["a", "b"]]


def test_a_manifest_of_a_batch_is_landed_after_its_rows(lake: Lake) -> None:
    line = b'{"dataset":"raw.plays","day":"2026-03-01","expected_rows":1,"closed":true}'

    class Declaring:
        def poll(self, _: Lease) -> Iterator[list[Found]]:
            rows = Found("1", RAW, content=str(play("a")).replace("'", '"').encode())
            yield [Found(f"{MANIFEST}/1", MANIFESTS, content=line), rows]

    taken(lake, Declaring())
    assert [day.isoformat() for day in Look(lake).manifests.closed_days(RAW)] == ["2026-03-01"]
    assert taken(lake, Declaring()) == []
