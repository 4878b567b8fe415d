"""Topics: one that was replaced or is shorter than what was landed is refused until a person accepts it."""

from dataclasses import replace

import pytest
from tests.support.lakes import PLANNED, kept

from matinee.contracts.registry import Registry
from matinee.errors import TopicChangedError, UsageError
from matinee.landing.model import QUARANTINE, Landing
from matinee.landing.offsets import landed_through, last_streamed
from matinee.live.checkpoint import checkpoint_of
from matinee.live.topics import accept_topics, refuse_other_topics
from matinee.sources.kafka.topics import topics
from matinee.sources.protocol import Records
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

RAW, TOPIC = "raw.plays", "plays"


def fill(lake: Lake) -> None:
    for table, until in ((QUARANTINE, 2), (RAW, 3)):
        lake.ensure(table)
        through = {"plays/0": until}
        told = Landing(RAW, "plays/0", "ab" * 32, 3, 3, 0, {}, PLANNED, landing_seq=1, through=through, topic_id="old")
        commit_nothing(lake, table, refs.MAIN, told.to_summary())


kept_lake, lake = kept(fill)


def told(**identities: str) -> Records:
    """Return the records of the topics on brokers that tell these identities."""
    datasets = {"impressions": "raw.impressions", TOPIC: RAW}
    return Records(datasets, rows=lambda _: pytest.fail("no record is read"), identities=lambda: identities)


def test_the_topics_are_those_that_contracts_name(lake: Lake) -> None:
    assert topics(lake) == {"impressions": "raw.impressions", TOPIC: RAW}


def test_contracts_without_a_topic_have_nothing_to_stream(lake: Lake) -> None:
    contracts = {name: replace(contract, topic="") for name, contract in lake.registry.contracts.items()}
    with pytest.raises(UsageError, match="No contract names a topic"):
        topics(replace(lake, registry=Registry(contracts)))


@pytest.mark.parametrize("records", [told(plays="old"), told()], ids=["the same", "not told"])
def test_the_topic_that_was_landed_is_taken(lake: Lake, records: Records) -> None:
    assert refuse_other_topics(lake, records)[TOPIC] == "old"


def test_a_topic_of_another_identity_is_refused(lake: Lake) -> None:
    with pytest.raises(TopicChangedError, match=r"other brokers \(it was old, it is new"):
        refuse_other_topics(lake, told(plays="new"))


def test_a_topic_that_is_accepted_starts_over_in_both_tables(lake: Lake) -> None:
    records = told(plays="new")
    checkpoint_of(lake.settings).mkdir()
    assert accept_topics(lake, records) == [TOPIC]
    assert [landed_through(lake, table, RAW) for table in (QUARANTINE, RAW)] == [{"plays/0": 0}] * 2
    assert refuse_other_topics(lake, records)[TOPIC] == "new"
    assert not checkpoint_of(lake.settings).exists()


def test_a_topic_that_is_the_same_is_not_started_over(lake: Lake) -> None:
    assert accept_topics(lake, told(plays="old", impressions="first")) == []
    last = last_streamed(lake, RAW, RAW)
    assert last is not None
    assert last.through == {"plays/0": 3}
