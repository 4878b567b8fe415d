"""The store `redis`: whom it lets in, and entries that the server has lost."""

import pytest
from tests.support.stores import empty_store

from matinee.errors import SettingsError, StoreUnavailableError, VersionGoneError
from matinee.serving.model import Shard
from matinee.serving.settings import StoreSettings
from matinee.serving.stores.protocol import Entry
from matinee.serving.stores.redis import Redis
from matinee.serving.stores.remote import Remote, RemoteDatabase

pytestmark = pytest.mark.redis
redis = pytest.importorskip("redis")
ENTRIES = [Entry(b"%04d" % number, b"value %d" % number) for number in range(2500)]


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, redis_address: str) -> Redis:
    empty_store("redis", request, monkeypatch)
    return Redis(redis_address, None, "a lake/dims.offers")


@pytest.fixture
def written(server: Redis) -> Shard:
    return Remote(server).write("v", 0, iter(ENTRIES))


def test_more_entries_than_one_call_has_are_read_in_both_directions(server: Redis, written: Shard) -> None:
    assert [*RemoteDatabase(server, "v", (written,)).scan(b"", None)] == ENTRIES
    assert [*server.scan("v", written.file, b"0001", b"2400", down=True)] == ENTRIES[1:2400][::-1]


def test_a_key_that_the_server_has_lost_is_no_key_that_is_not_there(
    server: Redis, written: Shard, redis_address: str
) -> None:
    database = RemoteDatabase(server, "v", (written,))
    assert database.get([b"0007x"]) == [None]
    redis.Redis.from_url(redis_address).flushall()
    for read in (lambda: database.get([b"0007"]), lambda: list(database.scan(b"", None))):
        with pytest.raises(VersionGoneError, match="has lost entries of shard 0"):
            read()


def test_entries_of_other_lakes_stay(server: Redis, written: Shard, redis_address: str) -> None:
    other = Redis(redis_address, None, "another lake/dims.offers")
    shard = Remote(other).write("v", 0, iter(ENTRIES[:2]))
    Remote(server).delete("v")
    assert Remote(server).written("v", 0) is None
    assert [*other.scan("v", shard.file, b"", None)] == ENTRIES[:2]
    Remote(other).delete("v")
    assert redis.Redis.from_url(redis_address).keys() == []


def test_a_connection_has_the_user_and_the_password(
    server: Redis, redis_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = redis.Redis.from_url(redis_address)
    admin.acl_setuser("reader", enabled=True, passwords=["+s/cret"], keys=["*"], commands=["+hgetall"])
    port = redis_address.rpartition(":")[2].partition("/")[0]
    monkeypatch.setenv("AIRFLOW_CONN_SERVED", f"redis://reader:s%2Fcret@127.0.0.1:{port}/0")
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", f"redis://reader:other@127.0.0.1:{port}/0")
    assert Redis(None, "served", "x").parts("v") == {}
    with pytest.raises(SettingsError, match="Redis refuses the call"):
        Redis(None, "served", "x").describe("v", "p", None)
    with pytest.raises(SettingsError, match="Redis refuses the call"):
        Redis(None, "wrong", "x").parts("v")
    with pytest.raises(SettingsError, match="Nothing says where Redis is"):
        Redis(None, None, "x").parts("v")


def test_a_server_without_memory_or_an_answer_is_told(server: Redis, redis_address: str) -> None:
    admin = redis.Redis.from_url(redis_address)
    admin.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreUnavailableError, match="takes no more calls"):
            Remote(server).write("v", 0, iter(ENTRIES))
    finally:
        admin.config_set("maxmemory", "0")
    with pytest.raises(StoreUnavailableError, match="Redis does not answer"):
        Redis("redis://127.0.0.1:9/0", None, "x").parts("v")


@pytest.mark.parametrize("address", ["redis://:s3cret@host/0", "redis://host/0?password=s3cret", "host:6379"])
def test_an_address_with_a_secret_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_SERVING_REDIS", address)
    with pytest.raises(SettingsError, match="MATINEE_SERVING_REDIS_CONNECTION") as refused:
        StoreSettings()
    assert "s3cret" not in str(refused.value)
