"""Connections in Airflow's own form, read without Airflow.

A value is a URI (`slack://:TOKEN@`) or a JSON object (`{"conn_type": "slack", "password": "TOKEN"}`) and stands in the
variable `AIRFLOW_CONN_<ID>` or in a secrets backend (`secrets_backends.py`). No message of an error holds a part of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from matinee.errors import SettingsError

#: Airflow's own variables of its secrets backend.
BACKEND, OPTIONS = "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"
_FIELDS = frozenset({"conn_type", "description", "extra", "host", "login", "password", "port", "schema"})
_EXTRA = "__extra__"
_ENCODE = "Write %XX for each of % : / ? # @ in user, password and host, or give the connection as JSON"


@dataclass(frozen=True)
class Connection:
    """A connection as Airflow has it; only its name and its type are shown.

    Attributes:
        connection_id: its name.
        place: where it was read, for messages.
        kind: Airflow's `conn_type`.
        extra: what the type of the connection adds.
    """

    connection_id: str
    place: str
    kind: str
    host: str = field(default="", repr=False)
    port: int | None = field(default=None, repr=False)
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    schema: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def wrong(self, what: str, next_step: str) -> SettingsError:
        """Return the error of a connection that cannot be used as it is."""
        return wrong_connection(self.connection_id, self.place, what, next_step)

    def must_be(self, kinds: frozenset[str]) -> None:
        """Check the type of the connection.

        Raises:
            SettingsError: the connection is of another type.
        """
        if self.kind not in kinds:
            raise self.wrong(f"has the type '{self.kind}'", f"Use {' or '.join(sorted(kinds))} as its type")

    def text(self, name: str, example: str) -> str:
        """Return a text of `extra` that the connection must have.

        Raises:
            SettingsError: there is none.
        """
        value = self.extra.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"has no '{name}' in its extra", f'Add it: "extra": {{"{name}": "{example}"}}')
        return value.strip()

    def is_set(self, name: str) -> bool:
        """Whether a switch of `extra` is on.

        Raises:
            SettingsError: the value is neither true nor false.
        """
        value = str(self.extra.get(name, False)).lower()
        if value not in {"true", "false"}:
            raise self.wrong(f"has an '{name}' in its extra that is neither true nor false", "Write true or false")
        return value == "true"

    @property
    def timeout_s(self) -> float:
        """The seconds that the channel waits for a connection, and for each part of an answer."""
        value = self.extra.get("timeout", 10)
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = 0
        if not 0 < seconds <= 60:
            raise self.wrong(
                "has a 'timeout' in its extra that is no number of seconds up to 60", "Write 10, for example"
            )
        return seconds


def wrong_connection(connection_id: str, place: str, what: str, next_step: str) -> SettingsError:
    """Return the error of a connection that is missing or cannot be read."""
    return SettingsError(
        f"The connection '{connection_id}' of {place} {what}.",
        next_step=f"{next_step} (deploy/channels.md shows each kind).",
        facts={"connection": connection_id, "place": place},
    )


def parsed(connection_id: str, place: str, value: object) -> Connection:
    """Return the connection of a value.

    Args:
        connection_id: its name.
        place: where the value was read, for messages.
        value: a URI, a JSON object, or the object that a file holds.

    Raises:
        SettingsError: the value is no connection.
    """

    def wrong(what: str, next_step: str) -> SettingsError:
        return wrong_connection(connection_id, place, what, next_step)

    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno}, column {error.colno}"
            raise wrong(f"is not JSON: {error.msg} at {at}", "Correct the JSON") from None
    try:
        fields = dict(value) if isinstance(value, Mapping) else _of_uri(str(value or "").strip())
        return _connection(connection_id, place, fields)
    except _NotAConnectionError as error:
        raise wrong(error.what, error.next_step) from None


class _NotAConnectionError(Exception):
    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what, self.next_step = what, next_step


def _of_uri(uri: str) -> dict[str, Any]:
    if not uri:
        raise _NotAConnectionError("is empty", "Write TYPE://LOGIN:PASSWORD@HOST:PORT/?NAME=VALUE, or a JSON object")
    kind, separator, rest = uri.partition("://")
    if not separator or rest.count("://") > 1:
        raise _NotAConnectionError("is neither a URI nor a JSON object", "Write TYPE://LOGIN:PASSWORD@HOST:PORT/")
    # Airflow's form of a host that has a scheme of its own: http://https://host.
    scheme, inner, _ = rest.partition("://")
    is_nested = bool(inner) and not {"@", ":", "/", "?"} & {*scheme}
    try:
        parts = urlsplit(rest if is_nested else f"//{rest}")
        port = parts.port
    except ValueError:  # Its text shows a part of the password.
        raise _NotAConnectionError("is a URI whose host or port cannot be read", _ENCODE) from None
    if parts.fragment:
        raise _NotAConnectionError("is a URI with a '#'", _ENCODE)
    host = _host(parts)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": kind,
        "host": f"{scheme}://{host}" if is_nested and host else host,
        "port": port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path[1:]),
        "extra": query.get(_EXTRA, query),
    }


def _host(parts: SplitResult) -> str:
    """Return the host of a URI; a host that is an encoded URI keeps its capitals."""
    name = unquote(parts.hostname or "")
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0]) if "/" in name else name


def _connection(connection_id: str, place: str, fields: dict[str, Any]) -> Connection:
    fields.pop("conn_id", None)
    if "extra_dejson" in fields and "extra" not in fields:  # Of files of Airflow's.
        fields["extra"] = fields.pop("extra_dejson")
    if unknown := sorted(map(str, fields.keys() - _FIELDS)):
        known = ", ".join(sorted(_FIELDS))
        raise _NotAConnectionError(f"has unknown fields: {', '.join(unknown)}", f"Airflow's fields are {known}")
    kind = str(fields.get("conn_type") or "").replace("-", "_").lower()
    if not kind:
        raise _NotAConnectionError("has no conn_type", "Name it: slack, pagerduty_events, smtp or http")
    texts = {name: fields.get(name) or "" for name in ("host", "login", "password", "schema")}
    if others := [name for name, value in texts.items() if not isinstance(value, str)]:
        raise _NotAConnectionError(f"has a {others[0]} that is no text", "Put the value between quotes")
    return Connection(
        connection_id, place, kind, port=_port(fields.get("port")), extra=_extra(fields.get("extra")), **texts
    )


def _port(value: object) -> int | None:
    if value in (None, ""):
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise _NotAConnectionError("has a port that is no number from 1 to 65535", "Correct the port")
    return int(text)


def _extra(value: object) -> Mapping[str, Any]:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno}, column {error.colno}"
            raise _NotAConnectionError(f"has an extra that is not JSON: {error.msg} at {at}", "Correct it") from None
    if value and not isinstance(value, Mapping):
        raise _NotAConnectionError("has an extra that is no JSON object", 'Write "extra": {"name": "value"}')
    return MappingProxyType(dict(value) if isinstance(value, Mapping) else {})
