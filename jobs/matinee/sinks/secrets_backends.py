"""Where connections stand: the secrets backend that Airflow's own variables name, then `AIRFLOW_CONN_<ID>`."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from matinee.errors import SettingsError
from matinee.sinks import aws_secrets, connection_files
from matinee.sinks.connections import BACKEND, OPTIONS, Connection, parsed, wrong_connection

#: Options that say nothing about connections.
_OF_OTHERS = re.compile(r"(variables|configs?)_\w+")


class _Backend(NamedTuple):
    """How connections of a backend are read, and the options that are read."""

    read: Callable[[str, Mapping[str, Any]], tuple[str, object] | None]
    options: tuple[str, ...]


_BACKENDS: Mapping[str, _Backend] = {
    "SecretsManagerBackend": _Backend(aws_secrets.from_secrets_manager, (*aws_secrets.KNOWN, "sep")),
    "SystemsManagerParameterStoreBackend": _Backend(aws_secrets.from_parameter_store, aws_secrets.KNOWN),
    "LocalFilesystemBackend": _Backend(connection_files.from_file, ("connections_file_path",)),
}


def read_connection(connection_id: str, environment: Mapping[str, str]) -> Connection:
    """Return a connection; the secrets backend comes first, as in Airflow.

    Args:
        connection_id: its name.
        environment: the variables of the process.

    Raises:
        SettingsError: there is no such connection, the connection cannot be read, or the backend's options are wrong.
        ChannelUnavailableError: the secrets backend does not answer.
    """
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    named = environment.get(BACKEND, "").strip()
    backend = _BACKENDS.get(named.rpartition(".")[2])
    if backend and (stored := backend.read(connection_id, _options(environment, backend.options))):
        return parsed(connection_id, stored[0], stored[1])
    if variable in environment:
        return parsed(connection_id, variable, environment[variable])
    if named and not backend:
        raise wrong_connection(
            connection_id,
            variable,
            f"is not set, and {BACKEND} names a backend that is not read here",
            f"Set {variable}, or use one of {', '.join(_BACKENDS)}",
        )
    asked = f" and the secrets backend of {BACKEND} has no such connection" if named else ""
    raise wrong_connection(
        connection_id,
        variable,
        f"is not set{asked}",
        f"Set {variable} to a URI or a JSON object; connections in Airflow's database are not read",
    )


def _options(environment: Mapping[str, str], known: tuple[str, ...]) -> dict[str, Any]:
    try:
        options = json.loads(environment.get(OPTIONS, "").strip() or "{}")
        if not isinstance(options, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise SettingsError(
            f"{OPTIONS} is no JSON object: {why}.",
            next_step=f"Correct {OPTIONS}: it holds the options of the secrets backend as Airflow reads them.",
            facts={"variable": OPTIONS},
        ) from None
    if unknown := sorted(name for name in options if name not in known and not _OF_OTHERS.fullmatch(name)):
        raise SettingsError(
            f"{OPTIONS} has options that are not read here: {', '.join(unknown)}.",
            next_step=f"Of this backend, {', '.join(known)} are read; for AWS the machine's own settings say the rest.",
            facts={"variable": OPTIONS, "options": unknown},
        )
    return options
