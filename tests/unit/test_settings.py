"""Settings that contradict are refused when they are read, and no text of settings shows a secret."""

import traceback

import pytest

from matinee.errors import SettingsError
from matinee.settings import load_settings

URI = "postgresql://matinee:s3cret@db:5432/lake"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"catalog": "postgress", "catalog_uri": URI}, "Input should be 'embedded', 'postgres' or 'aws'"),
        ({"catalog": "postgres", "catalog_uri": URI, "spark_cores": "s3cret"}, "valid integer"),
        ({"catalog": "postgres", "catalog_uri": URI, "catalog_secret": "lake"}, "either MATINEE_CATALOG_URI or"),
        ({"catalog": "postgres"}, "either MATINEE_CATALOG_URI or MATINEE_CATALOG_SECRET"),
        ({"spark_remote": "sc://db:1/;use_ssl=true;Token=s3cret"}, "by SPARK_CONNECT_AUTHENTICATE_TOKEN"),
    ],
)
def test_settings_that_contradict_are_refused_without_a_secret(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        load_settings(**settings)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_the_text_of_settings_has_no_password() -> None:
    settings = load_settings(catalog="postgres", catalog_uri=URI)
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_environment_names_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_CATALOG", "postgres")
    monkeypatch.setenv("MATINEE_CATALOG_SECRET", "lake/catalog")
    settings = load_settings()
    assert [settings.catalog_uri, settings.catalog_secret] == [None, "lake/catalog"]


@pytest.mark.parametrize("prefix", ["a#b", "a?b"])
def test_a_warehouse_that_spark_would_cut_off_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="has # or"):
        load_settings(catalog="aws", warehouse=f"s3://bucket/{prefix}")


def test_a_folder_as_warehouse_may_have_any_name() -> None:
    assert load_settings(warehouse="file:///a b#c?d%20").warehouse_uri == "file:///a b#c?d%20"
