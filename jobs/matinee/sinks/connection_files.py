"""Connections in a file: Airflow's LocalFilesystemBackend."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matinee.errors import SettingsError
from matinee.sinks.connections import OPTIONS


def from_file(connection_id: str, options: Mapping[str, Any]) -> tuple[str, object] | None:
    """Read a connection from the file of Airflow's LocalFilesystemBackend."""
    path = Path(str(options.get("connections_file_path") or ""))
    if not options.get("connections_file_path"):
        return None
    try:
        connections = _parsers()[path.suffix.lower()](path.read_text())
        if not isinstance(connections, Mapping):
            raise ValueError("it holds no object")
    except KeyError:
        raise _bad_file(path, f"its name does not end in {', '.join(_parsers())}") from None
    except (OSError, UnicodeError) as error:
        raise _bad_file(path, getattr(error, "strerror", None) or "it is no UTF-8 text") from None
    except ValueError as error:
        raise _bad_file(path, str(error)) from None
    values = connections.get(connection_id)
    if isinstance(values, list):
        if len(values) != 1:
            raise _bad_file(path, f"it has {len(values)} connections '{connection_id}'")
        values = values[0]
    return None if values is None else (str(path), values)


def _bad_file(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"The file of connections {path} cannot be read: {why}.",
        next_step=f"Correct the file, or 'connections_file_path' in {OPTIONS}.",
        facts={"file": str(path), "variable": OPTIONS},
    )


def _parsers() -> dict[str, Callable[[str], object]]:
    return {".env": _of_lines, ".json": _of_json, ".yaml": _of_yaml, ".yml": _of_yaml}


def _of_lines(text: str) -> dict[str, list[str]]:
    connections: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not (separator and name and value):
            raise ValueError(f"line {number} is not NAME=VALUE")
        connections.setdefault(name, []).append(value)
    return connections


def _of_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} in line {error.lineno}") from None


def _of_yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # Its whole text shows the lines around the fault.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{error.problem}{line}") from None
