"""The address of a catalog comes from the settings, or from the secret that they name."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import boto3
import psycopg2
import pytest
from tests.support.foreign_errors import database

from matinee.engine.options import catalog_options
from matinee.errors import CatalogRefusedError, CatalogUnavailableError, SettingsError
from matinee.settings import load_settings
from matinee.table.catalog import catalog_errors, catalog_properties
from matinee.table.catalogs.address import _secret, catalog_address

pytestmark = [pytest.mark.aws, pytest.mark.filterwarnings("ignore::ResourceWarning")]
URI = "postgresql://matinee:s3cret@db:5432/lake"
NAME = "lake/catalog"
NAMED = load_settings(catalog="postgres", catalog_secret=NAME)


@pytest.fixture(autouse=True)
def _secrets(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    _secret.cache_clear()


def test_a_secret_holds_the_address_of_both_engines() -> None:
    boto3.client("secretsmanager", region_name="us-east-1").create_secret(Name=NAME, SecretString=URI)
    assert catalog_address(NAMED) == URI
    assert (
        catalog_properties(NAMED)["uri"]
        == "postgresql+psycopg2://matinee:s3cret@/lake?connect_timeout=30&host=db&port=5432"
    )
    assert catalog_options(NAMED)["spark.sql.catalog.lake.jdbc.password"] == "s3cret"


def test_a_secret_that_is_not_there_is_named() -> None:
    settings = NAMED.model_copy(update={"catalog_secret": "lake/other"})
    with pytest.raises(SettingsError, match=r"secret lake/other cannot be read in us-east-1: ResourceNotFound"):
        catalog_address(settings)


def test_a_rotated_secret_is_read_again_once_the_password_is_refused() -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.create_secret(Name="lake/rotated", SecretString=URI)
    settings = NAMED.model_copy(update={"catalog_secret": "lake/rotated"})
    assert catalog_address(settings) == URI
    client.put_secret_value(SecretId="lake/rotated", SecretString=f"{URI}?sslmode=require")
    assert catalog_address(settings) == URI
    refused = psycopg2.OperationalError('FATAL:  password authentication failed for user "matinee"')
    with pytest.raises(CatalogRefusedError), catalog_errors():
        raise database("OperationalError", refused)
    assert catalog_address(settings) == f"{URI}?sslmode=require"


class Refuser(BaseHTTPRequestHandler):
    """A service of AWS that refuses each call with the code that stands in its address."""

    def do_POST(self) -> None:
        body = json.dumps({"__type": self.path.strip("/")}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "DecryptionFailure"])
def test_a_refusal_that_no_retry_cures_is_terminal(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Refuser) as server:
        Thread(target=server.handle_request).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}/{code}")
        with pytest.raises(CatalogRefusedError, match=f"secret lake/catalog cannot be read in us-east-1: {code}"):
            catalog_address(NAMED)


def test_a_process_without_credentials_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(CatalogRefusedError, match="NoCredentialsError"):
        catalog_address(NAMED)


def test_a_secrets_manager_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(CatalogUnavailableError, match="EndpointConnectionError"):
        catalog_address(NAMED)
