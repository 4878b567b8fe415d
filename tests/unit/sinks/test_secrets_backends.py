"""A connection comes from the secrets backend that Airflow's variables name, else from its own variable."""

import json
from pathlib import Path

import pytest

from matinee.errors import SettingsError
from matinee.sinks.secrets_backends import read_connection

FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


def backend(file: Path, **others: str) -> dict[str, str]:
    options = {"connections_file_path": str(file), "variables_file_path": "/else"}
    return {"AIRFLOW__SECRETS__BACKEND": FILES, "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(options), **others}


def test_a_variable_holds_a_connection() -> None:
    assert read_connection("ops_Chat", {"AIRFLOW_CONN_OPS_CHAT": "slack://:x@"}).password == "x"


def test_a_connection_that_is_missing_names_its_variable() -> None:
    with pytest.raises(SettingsError, match=r"'ops' of AIRFLOW_CONN_OPS is not set\.") as raised:
        read_connection("ops", {})
    assert raised.value.next_step.startswith("Set AIRFLOW_CONN_OPS to a URI or a JSON object")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.json", '{"ops": "slack://:x@"}'),
        ("c.json", '{"ops": {"conn_type": "slack", "password": "x", "extra_dejson": {"channel": "C1"}}}'),
        ("c.yaml", "ops:\n  conn_type: slack\n  password: x\n"),
        ("c.yml", "ops: [slack://:x@]"),
        ("c.env", "# ours\n\nops=slack://:x@\nother=smtp://h\n"),
    ],
)
def test_a_file_holds_connections(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_connection("ops", backend(tmp_path / name)).password == "x"


def test_the_backend_comes_before_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "c.env"
    file.write_text("ops=slack://:kept@")
    environment = backend(file, AIRFLOW_CONN_OPS="slack://:set@", AIRFLOW_CONN_TWO="slack://:set@")
    assert read_connection("ops", environment).password == "kept"
    assert read_connection("two", environment).password == "set"


def test_a_variable_does_where_the_backend_is_not_known() -> None:
    environment = {"AIRFLOW__SECRETS__BACKEND": "x.VaultBackend", "AIRFLOW_CONN_OPS": "slack://:x@"}
    assert read_connection("ops", environment).password == "x"
    with pytest.raises(SettingsError, match="names a backend that is not read here"):
        read_connection("two", environment)


WRONG = [
    ("c.json", '{"ops": "slack://:s3cr3t@"', r"c\.json cannot be read: Expecting ',' delimiter in line 1"),
    ("c.json", '["s3cr3t"]', "it holds no object"),
    ("c.json", "", "Expecting value in line 1"),
    ("c.yaml", "ops: [s3cr3t\n", "in line 2"),
    ("c.yaml", "s3cr3t", "it holds no object"),
    ("c.env", "s3cr3t", "line 1 is not NAME=VALUE"),
    ("c.env", "ops=s3cr3t\nops=s3cr3t", "it has 2 connections 'ops'"),
    ("c.toml", "s3cr3t", r"its name does not end in \.env, \.json"),
    ("c.json", '{"ops": "s3cr3t"}', r"of /.*/c\.json is neither a URI nor"),
]


@pytest.mark.parametrize(("name", "content", "what"), WRONG, ids=[what for *_, what in WRONG])
def test_a_wrong_file_is_named_without_its_lines(tmp_path: Path, name: str, content: str, what: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=what) as raised:
        read_connection("ops", backend(tmp_path / name))
    assert "s3cr3t" not in f"{raised.value}{raised.value.facts}"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"c\.env cannot be read: No such file"):
        read_connection("ops", backend(tmp_path / "c.env"))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("{s3cr3t", "is no JSON object: Expecting property name"),
        ('["s3cr3t"]', "is no JSON object: it is no object"),
        ('{"connection_file": "s3cr3t"}', "has options that are not read here: connection_file"),
    ],
)
def test_wrong_options_of_a_backend_are_named(options: str, what: str) -> None:
    environment = {"AIRFLOW__SECRETS__BACKEND": FILES, "AIRFLOW__SECRETS__BACKEND_KWARGS": options}
    with pytest.raises(SettingsError, match=f"AIRFLOW__SECRETS__BACKEND_KWARGS {what}") as raised:
        read_connection("ops", environment)
    assert "s3cr3t" not in f"{raised.value}{raised.value.facts}"
