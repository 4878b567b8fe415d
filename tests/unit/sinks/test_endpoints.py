"""Addresses of channels are encrypted, or on this machine."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.messages import connection

from matinee.errors import SettingsError
from matinee.sinks.endpoints import endpoint_of, is_loopback


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "example.com"}, "https://example.com"),
        ({"host": "example.com", "schema": "hooks/ours"}, "https://example.com/hooks/ours"),
        ({"host": "example.com", "port": 444, "schema": "https"}, "https://example.com:444"),
        ({"host": "https://example.com/Hooks/"}, "https://example.com/Hooks"),
        ({"host": "https://example.com", "port": 444, "schema": "x"}, "https://example.com:444/x"),
        ({"conn_type": "http", "host": "127.0.0.1", "port": 80}, "http://127.0.0.1:80"),
        ({"conn_type": "http", "host": "example.com", "schema": "https"}, "https://example.com"),
        ({}, "https://default.example.com"),
    ],
)
def test_a_connection_names_an_address(fields: dict[str, Any], url: str) -> None:
    assert endpoint_of(connection(**{"conn_type": "https"} | fields), "https://default.example.com").url == url


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({}, "has no host"),
        ({"host": "exa mple"}, "has a host that is no address"),
        ({"host": "ftp://example.com"}, "has a host that is no address"),
        ({"host": "https://"}, "has a host that is no address"),
        ({"host": "https://[::1"}, "has a host that is no address"),
        ({"host": "http://example.com/s3cr3t"}, "would send secrets in the clear"),
        ({"conn_type": "http", "host": "example.com"}, "would send secrets in the clear"),
        ({"host": "h", "extra": {"ca_file": "/no/such.pem"}}, r"names the ca_file /no/such.pem, .*: No such file"),
        ({"host": "h", "extra": {"ca_file": 1}}, "has no 'ca_file' in its extra"),
    ],
)
def test_a_wrong_address_is_told(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingsError, match=f"'alerts' of AIRFLOW_CONN_ALERTS {what}") as raised:
        endpoint_of(connection(**{"conn_type": "https"} | fields))
    assert "s3cr3t" not in str(raised.value)


def test_a_file_without_a_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError, match="cannot be read: it holds no certificate"):
        endpoint_of(connection(conn_type="https", host="h", extra={"ca_file": str(tmp_path / "ca.pem")}))


def test_this_machine_has_several_names() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.8.9.1", "::1", "localhost"]))
    assert not any(map(is_loopback, ["10.0.0.1", "localhost.example.com", ""]))
