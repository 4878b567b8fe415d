"""Connections in AWS Secrets Manager and Systems Manager, at moto's server."""

import json
from collections.abc import Iterator

import boto3
import pytest
from tests.support.web import Answer, web_server

from matinee.errors import SettingsError
from matinee.sinks.errors import ChannelUnavailableError
from matinee.sinks.secrets_backends import read_connection

pytestmark = pytest.mark.aws
SECRETS, PARAMETERS = "SecretsManagerBackend", "SystemsManagerParameterStoreBackend"
REGION = "us-east-1"


def environment(endpoint: str, backend: str, **options: str) -> dict[str, str]:
    given: dict[str, str | None] = {"region_name": REGION, "endpoint_url": endpoint, "variables_prefix": None}
    name = f"airflow.providers.amazon.aws.secrets.any.{backend}"
    return {"AIRFLOW__SECRETS__BACKEND": name, "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(given | options)}


@pytest.fixture
def kept(aws_endpoint: str) -> Iterator[str]:
    """moto's server with a connection in each store."""
    secrets = boto3.client("secretsmanager", endpoint_url=aws_endpoint, region_name=REGION)
    parameters = boto3.client("ssm", endpoint_url=aws_endpoint, region_name=REGION)
    names = {"airflow/connections/ops": "slack://:x@", "flat": '{"user": "me", "pass": "x", "engine": "smtp"}'}
    for name, value in names.items():
        secrets.create_secret(Name=name, SecretString=value)
    parameters.put_parameter(Name="/team/ops", Value="slack://:x@", Type="SecureString")
    yield aws_endpoint
    for name in names:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    parameters.delete_parameter(Name="/team/ops")


def test_a_secret_holds_a_connection(kept: str) -> None:
    assert read_connection("ops", environment(kept, SECRETS)).password == "x"


def test_a_secret_may_have_its_own_names_for_fields(kept: str) -> None:
    ours = read_connection("flat", environment(kept, SECRETS, connections_prefix=""))
    assert (ours.kind, ours.login, ours.password) == ("smtp", "me", "x")


def test_a_parameter_holds_a_connection(kept: str) -> None:
    assert read_connection("ops", environment(kept, PARAMETERS, connections_prefix="team/")).password == "x"


@pytest.mark.parametrize("backend", [SECRETS, PARAMETERS])
def test_a_connection_that_is_not_there_is_named(aws_endpoint: str, backend: str) -> None:
    with pytest.raises(SettingsError, match=r"AIRFLOW_CONN_OPS is not set and the secrets backend of AIRFLOW__SECR"):
        read_connection("ops", environment(aws_endpoint, backend))


def test_only_connections_of_the_pattern_are_asked_for(kept: str) -> None:
    options = environment(kept, SECRETS, connections_lookup_pattern="^matinee")
    assert read_connection("ops", options | {"AIRFLOW_CONN_OPS": "slack://:own@"}).password == "own"


def test_a_store_that_answers_503_may_answer_later() -> None:
    with (
        web_server(lambda _: Answer(503)) as server,
        pytest.raises(ChannelUnavailableError, match="no connections: 503"),
    ):
        read_connection("ops", environment(server.url, SECRETS))


def test_a_right_that_is_missing_is_told() -> None:
    refused = Answer(400, json.dumps({"__type": "AccessDeniedException", "message": "s3cr3t"}))
    with web_server(lambda _: refused) as server, pytest.raises(SettingsError, match="AccessDenied") as raised:
        read_connection("ops", environment(server.url, PARAMETERS))
    assert "get_parameter" in raised.value.next_step
    assert "s3cr3t" not in str(raised.value)


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(SettingsError, match="is no regular expression: unterminated character set"):
        read_connection("ops", environment("http://127.0.0.1:1", SECRETS, connections_lookup_pattern="[ops"))
