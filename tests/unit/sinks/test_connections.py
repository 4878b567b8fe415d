"""Connections are read as Airflow reads them, and what is wrong is told without a secret."""

import json

import pytest
from tests.support.messages import connection

from matinee.errors import SettingsError
from matinee.sinks.connections import Connection, parsed

SECRET = "s3cr3t-value"


def read(value: object) -> Connection:
    return parsed("ops", "AIRFLOW_CONN_OPS", value)


def test_a_uri_gives_its_parts() -> None:
    ours = read("smtp://me%40x.com:p%3A%2F%23%40@mail.example.com:587/?from_email=a%40x.com&to=b%40x.com&empty=")
    assert (ours.kind, ours.login, ours.password) == ("smtp", "me@x.com", "p:/#@")
    assert (ours.host, ours.port, ours.schema) == ("mail.example.com", 587, "")
    assert dict(ours.extra) == {"from_email": "a@x.com", "to": "b@x.com", "empty": ""}


def test_json_gives_the_same_as_a_uri() -> None:
    fields = {"conn_type": "http", "host": "h", "port": "80", "password": "p", "extra": {"a": {"b": 1}}}
    assert read(json.dumps(fields)) == read("http://:p@h:80/?__extra__=%7B%22a%22%3A%20%7B%22b%22%3A%201%7D%7D")
    assert read(json.dumps(fields | {"extra": '{"a": {"b": 1}}'})).extra == {"a": {"b": 1}}


def test_a_type_with_hyphens_has_underscores() -> None:
    assert read("pagerduty-events://:key@").kind == "pagerduty_events"


def test_a_host_may_have_a_scheme_of_its_own() -> None:
    assert read("http://https://:p@Example.com:444/x").host == "https://example.com"
    assert read("http://:p@https%3A%2F%2FExample.com%2FHooks").host == "https://Example.com/Hooks"


@pytest.mark.airflow
@pytest.mark.parametrize(
    "uri",
    [
        "smtp://user:pass@mail.example.com:587/schema?a=1&b=%20x",
        "slack://:xoxb-1%2F2@/?channel=C1",
        "http://https://login:pw@host:81/path",
        "http://:p@https%3A%2F%2FExample.com%2FHooks",
        "postgresql://u@h/db",
        "aws://",
    ],
)
def test_airflow_reads_the_same(uri: str) -> None:
    from airflow.sdk.definitions.connection import Connection

    theirs, ours = Connection.from_uri(uri, conn_id="ops"), read(uri)
    assert (theirs.host or "", theirs.login or "", theirs.password or "", theirs.schema or "", theirs.port) == (
        *(ours.host, ours.login, ours.password, ours.schema, ours.port),
    )
    assert json.loads(theirs.extra or "{}") == ours.extra


WRONG: list[tuple[object, str]] = [
    ("", "is empty"),
    ("   ", "is empty"),
    (SECRET, "is neither a URI nor a JSON object"),
    (f"a://b://c://{SECRET}", "is neither a URI nor a JSON object"),
    (f"smtp://me:{SECRET}/x@host:587", "is a URI whose host or port cannot be read"),
    (f"smtp://me:x@host/#{SECRET}", "is a URI with a '#'"),
    (f"smtp://me:{SECRET}@host:70000", "is a URI whose host or port cannot be read"),
    (f"smtp://me:{SECRET}@[::1", "is a URI whose host or port cannot be read"),
    (f"://{SECRET}", "has no conn_type"),
    (f'{{"password": "{SECRET}",}}', "is not JSON: "),
    (f'{{"password": "{SECRET}"}}', "has no conn_type"),
    ({"conn_type": "smtp", "hots": SECRET}, "has unknown fields: hots"),
    ({"conn_type": "smtp", "port": SECRET}, "has a port that is no number from 1 to 65535"),
    ({"conn_type": "smtp", "port": 0.5}, "has a port that is no number from 1 to 65535"),
    ({"conn_type": "smtp", "password": [SECRET]}, "has a password that is no text"),
    ({"conn_type": "smtp", "extra": f"{{{SECRET}"}, "has an extra that is not JSON: "),
    ({"conn_type": "smtp", "extra": [SECRET]}, "has an extra that is no JSON object"),
    ({"conn_type": "smtp", "extra": f'"{SECRET}"'}, "has an extra that is no JSON object"),
]


@pytest.mark.parametrize(("value", "what"), WRONG, ids=[what for _, what in WRONG])
def test_a_wrong_connection_is_named_without_its_value(value: object, what: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(value)
    assert str(raised.value).startswith(f"The connection 'ops' of AIRFLOW_CONN_OPS {what}")
    assert raised.value.next_step
    assert SECRET not in f"{raised.value!s}{raised.value!r}{raised.value.facts}{raised.value.__cause__}"
    assert raised.value.__suppress_context__


def test_a_connection_shows_no_secret() -> None:
    ours = read(f"slack://{SECRET}:{SECRET}@{SECRET}/{SECRET}?token={SECRET}")
    assert SECRET not in repr(ours)
    assert "slack" in repr(ours)


@pytest.mark.parametrize("seconds", [0, -1, 61, "soon", None])
def test_a_timeout_is_a_number_of_seconds(seconds: object) -> None:
    with pytest.raises(SettingsError, match="'timeout' in its extra that is no number"):
        _ = connection(conn_type="smtp", extra={"timeout": seconds}).timeout_s


def test_a_switch_is_true_or_false() -> None:
    assert connection(conn_type="smtp", extra={"disable_tls": "True"}).is_set("disable_tls")
    assert not connection(conn_type="smtp").is_set("disable_tls")
    with pytest.raises(SettingsError, match="neither true nor false"):
        connection(conn_type="smtp", extra={"disable_tls": "perhaps"}).is_set("disable_tls")
