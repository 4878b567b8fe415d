"""Connections in AWS: Secrets Manager and the Parameter Store of Systems Manager, as Airflow's backends name them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from matinee.errors import SettingsError
from matinee.foreign import translated
from matinee.sinks.connections import BACKEND, OPTIONS, wrong_connection
from matinee.sinks.errors import ChannelUnavailableError

#: What Secrets Manager's backend calls the fields of a connection, beside Airflow's own names.
_ALIASES = {
    "login": ("login", "user", "username", "user_name"),
    "password": ("password", "pass", "key"),
    "host": ("host", "remote_host", "server"),
    "port": ("port",),
    "schema": ("database", "schema"),
    "conn_type": ("conn_type", "conn_id", "connection_type", "engine"),
    "extra": ("extra",),
}
_OF_CLIENTS = ("region_name", "endpoint_url")
#: The options that are read.
KNOWN = ("connections_prefix", "connections_lookup_pattern", "profile_name", *_OF_CLIENTS)
_ABSENT = frozenset({"ParameterNotFound", "ResourceNotFoundException"})


def from_secrets_manager(connection_id: str, options: Mapping[str, Any]) -> tuple[str, object] | None:
    """Read a connection from AWS Secrets Manager."""
    name = _name_in_aws(connection_id, options, "airflow/connections", str(options.get("sep", "/")))
    answer = name and _asked("secretsmanager", "get_secret_value", options, SecretId=name)
    if not answer:
        return None
    value = answer.get("SecretString") or ""
    place = f"the secret {name}"
    if not value.strip().startswith("{"):
        return place, value
    given = dict(_object(connection_id, place, value))
    fields = {
        field: next((given[word] for word in words if given.get(word) is not None), None)
        for field, words in _ALIASES.items()
    }
    return place, {field: value for field, value in fields.items() if value is not None}


def _object(connection_id: str, place: str, value: str) -> Mapping[str, Any]:
    try:
        return dict(json.loads(value))
    except ValueError:
        raise wrong_connection(connection_id, place, "is not JSON", "Correct the JSON") from None


def from_parameter_store(connection_id: str, options: Mapping[str, Any]) -> tuple[str, object] | None:
    """Read a connection from the Parameter Store of AWS Systems Manager."""
    name = _name_in_aws(connection_id, options, "/airflow/connections", "/")
    path = name and f"/{name.lstrip('/')}"
    answer = path and _asked("ssm", "get_parameter", options, Name=path, WithDecryption=True)
    return (f"the parameter {path}", answer["Parameter"]["Value"]) if answer else None


def _name_in_aws(connection_id: str, options: Mapping[str, Any], default: str, separator: str) -> str | None:
    prefix, pattern = options.get("connections_prefix", default), str(options.get("connections_lookup_pattern") or "")
    try:
        is_asked_for = prefix is not None and re.match(pattern, connection_id, re.IGNORECASE)
    except re.error as error:
        raise SettingsError(
            f"'connections_lookup_pattern' of {OPTIONS} is no regular expression: {error.msg}.",
            next_step="Correct the pattern, or leave it out: all connections are then looked up.",
            facts={"variable": OPTIONS},
        ) from None
    if not is_asked_for:
        return None
    prefix = str(prefix).rstrip(separator)
    return f"{prefix}{separator}{connection_id}" if prefix else connection_id


def _asked(service: str, operation: str, options: Mapping[str, Any], **arguments: object) -> Mapping[str, Any] | None:
    """Return the answer of AWS; None where there is no such name."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    limits = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 1})
    try:
        session = boto3.Session(profile_name=options.get("profile_name"))
        client = session.client(service, config=limits, **{name: options.get(name) for name in _OF_CLIENTS})
        answer: Mapping[str, Any] = getattr(client, operation)(**arguments)
    except (BotoCoreError, ClientError, ValueError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        if code in _ABSENT:
            return None
        kind = ChannelUnavailableError if translated(error).retryable else SettingsError
        raise kind(
            f"The secrets backend of {BACKEND} gives no connections: {code}.",
            next_step=f"Check region and rights of the machine's AWS role ({operation}), and {OPTIONS}.",
            facts={"variable": BACKEND, "service": service, "code": code},
        ) from None
    return answer
