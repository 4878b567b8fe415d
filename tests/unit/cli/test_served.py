"""`matinee doctor` says whether the stores have what is active, and keep it."""

from pathlib import Path

import pytest
from tests.support.served import OFFERS, in_process, offer, publish_offers, served_settings, versions_of
from tests.support.stores import empty_store

from matinee.cli.served import served
from matinee.serving.step import step
from matinee.serving.stores.choice import store_of
from matinee.table.catalog import Lake

__all__ = ["in_process"]


@pytest.mark.redis
def test_lost_parts_and_a_store_that_may_lose_them_are_told(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    in_process: None,
    monkeypatch: pytest.MonkeyPatch,
    redis_address: str,
) -> None:
    import redis

    empty_store("redis", request, monkeypatch)
    lake = Lake.open(served_settings(tmp_path, "store: redis\n"))
    publish_offers(lake, [offer("de", "t1")])
    assert list(served(lake)) == []
    step(lake.settings, OFFERS)
    [row] = served(lake)
    version = str(versions_of(lake).pointer().active)
    assert (row["state"], row["detail"]) == ("ok", f"{OFFERS} {version}: 1 keys in redis")
    admin = redis.Redis.from_url(redis_address)
    admin.config_set("maxmemory-policy", "allkeys-lru")
    try:
        store_of(versions_of(lake), "redis").delete(version)
        lost, evicts = served(lake)
    finally:
        admin.config_set("maxmemory-policy", "noeviction")
    assert (lost["state"], evicts["state"]) == ("failed", "warning")
    assert "which has lost parts" in str(lost["detail"])
    assert "evicts by allkeys-lru" in str(evicts["detail"])
