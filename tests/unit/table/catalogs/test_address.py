"""The address of a catalog comes from the settings, or from the secret that they name."""

import boto3
import pytest

from matinee.engine.options import catalog_options
from matinee.errors import CatalogUnavailableError, SettingsError
from matinee.settings import load_settings
from matinee.table.catalog import catalog_properties
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
    assert catalog_properties(NAMED)["uri"] == "postgresql+psycopg2://matinee:s3cret@/lake?host=db&port=5432"
    assert catalog_options(NAMED)["spark.sql.catalog.lake.jdbc.password"] == "s3cret"


def test_a_secret_that_is_not_there_is_named() -> None:
    settings = NAMED.model_copy(update={"catalog_secret": "lake/other"})
    with pytest.raises(SettingsError, match=r"secret lake/other cannot be read in us-east-1: ResourceNotFound"):
        catalog_address(settings)


def test_a_secrets_manager_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(CatalogUnavailableError, match="EndpointConnectionError"):
        catalog_address(NAMED)
