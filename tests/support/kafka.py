"""Kafka's own clients for tests, in a JVM beside the tests: what Spark's connector cannot do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
from py4j.java_gateway import GatewayParameters, JavaGateway, JavaObject, JVMView, launch_gateway

from matinee.stack.broker import JARS


@contextmanager
def clients() -> Iterator[JVMView]:
    """A JVM with Kafka's classes for the length of a block."""
    [jar] = (Path(pyspark.__file__).parent / "jars").glob("py4j-*.jar")
    port = launch_gateway(jarpath=str(jar), classpath=f"{JARS}/*", die_on_exit=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
    try:
        yield gateway.jvm
    finally:
        gateway.shutdown()


def send_in_transaction(jvm: JVMView, servers: str, topic: str, values: list[str], *, commit: bool) -> None:
    """Send records to the first partition of a topic in one transaction, and commit or abort it."""
    text = "org.apache.kafka.common.serialization.StringSerializer"
    config = {"bootstrap.servers": servers, "transactional.id": "tests", "key.serializer": text}
    producer = jvm.org.apache.kafka.clients.producer.KafkaProducer(
        _properties(jvm, config | {"value.serializer": text})
    )
    try:
        producer.initTransactions()
        producer.beginTransaction()
        for value in values:
            producer.send(jvm.org.apache.kafka.clients.producer.ProducerRecord(topic, 0, None, value)).get()
        (producer.commitTransaction if commit else producer.abortTransaction)()
    finally:
        producer.close()


def send(
    jvm: JVMView, servers: str, topic: str, values: list[str], compression: str = "none", partition: int = 0
) -> None:
    """Send records to a partition of a topic, in batches that are compressed."""
    text = "org.apache.kafka.common.serialization.StringSerializer"
    config = {"bootstrap.servers": servers, "key.serializer": text, "value.serializer": text, "linger.ms": "50"}
    producer = jvm.org.apache.kafka.clients.producer.KafkaProducer(
        _properties(jvm, config | {"compression.type": compression})
    )
    try:
        for value in values:
            producer.send(jvm.org.apache.kafka.clients.producer.ProducerRecord(topic, partition, None, value))
        producer.flush()
    finally:
        producer.close()


def create(jvm: JVMView, servers: str, *topics: str) -> None:
    """Make topics with two partitions."""
    admin = jvm.org.apache.kafka.clients.admin.Admin.create(_properties(jvm, {"bootstrap.servers": servers}))
    try:
        one_copy = jvm.java.lang.Short.valueOf("1")
        made = [jvm.org.apache.kafka.clients.admin.NewTopic(topic, 2, one_copy) for topic in topics]
        admin.createTopics(made).all().get()
    finally:
        admin.close()


def recreate(jvm: JVMView, servers: str, topic: str) -> None:
    """Delete a topic and make another one of the same name, with two partitions."""
    admin = jvm.org.apache.kafka.clients.admin.Admin.create(_properties(jvm, {"bootstrap.servers": servers}))
    try:
        admin.deleteTopics(jvm.java.util.List.of(topic)).all().get()
        while admin.listTopics().names().get().contains(topic):
            pass
        made = jvm.java.util.List.of(
            jvm.org.apache.kafka.clients.admin.NewTopic(topic, 2, jvm.java.lang.Short.valueOf("1"))
        )
        admin.createTopics(made).all().get()
    finally:
        admin.close()


def _properties(jvm: JVMView, config: dict[str, str]) -> JavaObject:
    properties = jvm.java.util.Properties()
    for name, value in config.items():
        properties.setProperty(name, value)
    return properties
