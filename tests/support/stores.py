"""Stores of served versions for tests: files, a Redis of the tests' own, and moto's DynamoDB."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from matinee.engine.server import free_port
from tests.support.catalogs import required, wait_for

#: The stores for fixtures.
STORES = [
    "rocksdb",
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("dynamodb", marks=pytest.mark.aws),
]


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis on a free loopback port, which keeps nothing on a disk, and yield its address."""
    if not shutil.which("redis-server"):
        required("redis", "there is no redis-server")
    if importlib.util.find_spec("redis") is None:
        required("redis", "the package redis is not installed")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(["redis-server", *options], cwd="/", stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=20)


def empty_store(store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the settings name a store, for this process and those that it starts, and empty the store."""
    if store == "redis":
        import redis

        address = request.getfixturevalue("redis_address")
        monkeypatch.setenv("MATINEE_SERVING_REDIS", address)
        redis.Redis.from_url(address).flushall()
    elif store == "dynamodb":
        import boto3

        endpoint = request.getfixturevalue("aws_endpoint")
        monkeypatch.setenv("MATINEE_SERVING_DYNAMODB_ENDPOINT", endpoint)
        client = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1")
        for table in client.list_tables()["TableNames"]:
            client.delete_table(TableName=table)
