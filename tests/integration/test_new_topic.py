"""A source whose contract names a topic comes in by files alone; no other dataset of the lake needs a topic."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.test_new_source import SEARCHES, close, land, published, results, search
from tests.support import streams
from tests.support.lakes import D1

from matinee.contracts.validate import check_all
from matinee.engine.session import spark_session
from matinee.errors import UsageError
from matinee.landing.offsets import landed_through
from matinee.live.tick import tick
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings, load_settings
from matinee.sources.kafka.records import Topics
from matinee.sources.kafka.topics import topics
from matinee.stack.broker import broker
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark
RAW, TOPIC = "raw.searches", "web.searches"


@pytest.fixture
def extended(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose datasets are the shipped ones, by files alone, and the searches, by their topic alone."""
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    shutil.copytree(Path(__file__).parent / "searches", sql, dirs_exist_ok=True)
    for file in sql.glob("raw/*/contract.odcs.yaml"):
        text = file.read_text().replace(", topic: impressions", "").replace(", topic: plays", "")
        file.write_text(text.replace(f"files: true, topic: {TOPIC}", f"topic: {TOPIC}"))
    return settings.model_copy(update={"sql_dir": sql})


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with broker(load_settings(home=tmp_path / "broker", catalog="embedded")) as address:
        yield address


@pytest.mark.slow
def test_records_of_a_topic_that_a_contract_names_are_landed_and_published(
    extended: Settings, servers: str, tmp_path: Path
) -> None:
    assert check_all(extended.sql_dir) == []
    lake = Lake.open(extended)
    sent = [search("s1", "ana", clicked="t1"), search("s1", "ana", clicked="t1"), search("s2", "ben", results=[])]
    wrong = [search("w1", "ana", results=["t1", None]), search("w2", "ana", results="t1"), "oops"]
    with spark_session(extended) as spark:
        streams.send(spark, servers, TOPIC, [(json.loads(line)["account_id"], line) for line in sent])
        streams.send(spark, servers, TOPIC, [("ana", line) for line in wrong])
    done, _ = tick(extended, Topics(servers))
    assert (done.rows_landed, done.rows_quarantined) == (3, 3)
    assert tick(extended, Topics(servers)) == []
    assert {name.rpartition("/")[0] for name in landed_through(lake, RAW, RAW)} == {TOPIC}
    bad = lake.table("raw.quarantine").scan().to_arrow()["reason"].to_pylist()
    assert sorted(bad) == ["malformed_json", "wrong_type_results", "wrong_type_results"]
    close(extended, tmp_path, D1, 3)
    run(extended, RunRequest(SEARCHES, D1, D1))
    assert published(extended) == [("s1", "ana", 250), ("s2", "ben", 250)]
    assert results(extended) == {"s1": (["t1", "t2"], "t1"), "s2": ([], None)}


def test_files_of_a_source_that_is_a_topic_alone_are_refused(extended: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say which dataset it is for"):
        land(extended, tmp_path, "1", search("s1", "ana"))


def test_topics_are_those_that_contracts_name(extended: Settings, settings: Settings) -> None:
    assert topics(Lake.open(extended)) == {TOPIC: RAW}
    assert topics(Lake.open(settings)) == {"impressions": "raw.impressions", "plays": "raw.plays"}
    file = extended.sql_dir / "raw" / "searches" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace(f"topic: {TOPIC}", "files: true"))
    with pytest.raises(UsageError, match="No contract names a topic"):
        topics(Lake.open(extended))
