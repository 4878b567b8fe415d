"""Which topics are landed, and their identities: a topic that is created again keeps its name, and gets a new identity.

Spark's API over Connect reaches no admin client, and an identity takes one request of Kafka's protocol.
"""

from matinee.errors import UsageError
from matinee.sources.kafka.metadata import metadata
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import gone


def topics(lake: Lake) -> dict[str, str]:
    """Return the datasets whose rows are records of a topic, by the topic; not those that were retired.

    Raises:
        UsageError: there are no such datasets.
    """
    retired = gone(lake)
    datasets = {
        contract.topic: contract.dataset
        for contract in lake.registry.all()
        if contract.topic and contract.dataset not in retired
    }
    if not datasets:
        raise UsageError(
            "No contract names a topic whose records are landed.",
            next_step="Name one in a contract of landed events: `source: {topic: NAME}`.",
        )
    return datasets


def topic_ids(servers: str, topics: list[str]) -> dict[str, str]:
    """Return the identity of each topic by its name; topics that do not exist are left out.

    Args:
        servers: `host:port` of brokers, separated by commas; the first one that answers is asked.
        topics: by name.

    Raises:
        EngineFailedError: none of the servers answers as a broker.
    """
    return {name: topic.identity for name, topic in metadata(servers, topics).items()}
