"""Versions that Spark writes, by the command line, from a publication to an answer."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, served_sql, value, versions_of
from tests.support.stores import empty_store

from matinee.cli.main import main
from matinee.errors import RepeatedKeyError
from matinee.serving.building import build
from matinee.serving.channel import Connection
from matinee.serving.client import KeyValueClient
from matinee.serving.server.service import serving
from matinee.serving.settings import ServingSettings, token_of
from matinee.settings import Settings
from matinee.table.catalog import Lake

STARTS = date(2026, 1, 1)
Call = Callable[..., Any]


@pytest.fixture(params=["rocksdb", pytest.param("redis", marks=[pytest.mark.redis, pytest.mark.slow])])
def served(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a lake whose offers are served, from files and from a server."""
    empty_store(request.param, request, monkeypatch)
    return settings.model_copy(update={"sql_dir": served_sql(tmp_path, f"store: {request.param}\n")})


@pytest.mark.spark
@pytest.mark.embedded
def test_what_spark_writes_is_what_is_answered(
    served: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("home", "sql_dir"):
        monkeypatch.setenv(f"MATINEE_{name.upper()}", str(getattr(served, name)))
    monkeypatch.setenv("SPARK_REMOTE", served.spark_remote or "")

    def call(*arguments: str) -> Any:  # noqa: ANN401 - any JSON
        code: object = 0
        try:
            main([*arguments, "--output", "json"])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        assert not code, printed.err
        return json.loads(printed.out)

    lake = Lake.open(served)
    rows = [offer(f"c{number % 7}\x00é", f"t{number}", words=[str(number)]) for number in range(500)]
    publish_offers(lake, rows)
    built = call("kv", "build", OFFERS, "--activate")
    assert (built["state"], built["keys"], built["passed"]) == ("active", 500, True)
    assert [verdict["verdict"] for verdict in built["verdicts"]] == ["pass"] * 4
    assert len(built["shards"]) == 3
    assert min(shard["keys"] for shard in built["shards"]) > 100
    with (
        serving(served, ServingSettings(port=0), [OFFERS]) as service,
        KeyValueClient(Connection(service.address, token_of(served, ServingSettings()) or "")) as client,
    ):
        answered = {row.key[:2]: row.values for row in client.scan(OFFERS, page=64)}
        assert answered == {(row["country"], row["title_id"]): value(row) for row in rows}
        got = call("kv", "get", OFFERS, "c3\x00é", "t3", str(STARTS), "--at", service.address)
        assert [(row["title_id"], row["words"]) for row in got] == [("t3", ["3"])]
    publish_offers(lake, [offer("de", "t1", D2)] * 2, D2)
    with pytest.raises(RepeatedKeyError, match="country = 'de', title_id = 't1'"):
        build(lake, OFFERS)
    assert [each["state"] for each in call("kv", "list")] == ["active", "building"]
    assert [each["why"] for each in call("kv", "gc")] == ["not whole"]
    assert versions_of(lake).pointer().key == D1
