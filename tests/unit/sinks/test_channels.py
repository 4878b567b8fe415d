"""A channel is opened by its name and the name of its connection."""

import pytest
from tests.support.slack import ROOM, TOKEN

from matinee.errors import SettingsError, UsageError
from matinee.sinks.channels import open_channel

CONNECTIONS = {
    "slack": f"slack://:{TOKEN}@/?channel={ROOM}",
    "pagerduty": f"pagerduty-events://:{'a' * 32}@",
    "email": "smtp://me:secret@mail.example.com:587/?from_email=a%40x.com&to=b%40x.com%2Cc%40x.com",
    "webhook": "https://:0123456789abcdef@example.com/hooks/matinee",
}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_each_channel_is_opened_by_its_connection(name: str) -> None:
    assert type(open_channel(name, "ops", {"AIRFLOW_CONN_OPS": CONNECTIONS[name]})).__name__.lower() == name


@pytest.mark.parametrize("name", CONNECTIONS)
def test_each_channel_refuses_the_connection_of_another(name: str) -> None:
    with pytest.raises(SettingsError, match=r"'ops' of AIRFLOW_CONN_OPS has the type 'redis'") as raised:
        open_channel(name, "ops", {"AIRFLOW_CONN_OPS": "redis://:s3cr3t@h"})
    assert "s3cr3t" not in str(raised.value)


def test_an_unknown_channel_is_refused() -> None:
    with pytest.raises(UsageError, match="There is no channel 'pigeon'") as raised:
        open_channel("pigeon", "ops", {})
    assert raised.value.next_step == "Name one of slack, pagerduty, email, webhook."
