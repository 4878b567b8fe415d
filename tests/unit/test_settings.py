"""Settings that contradict are refused when they are read, and no text of settings shows a secret."""

import traceback

import pytest

from matinee.errors import SettingsError
from matinee.settings import EnvironmentSettings, Settings, load_settings
from matinee.stack.environment import StackSettings
from matinee_airflow.config import AirflowSettings

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


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (StackSettings, "MATINEE_SPARK_PORT", "abc"),
        (StackSettings, "MATINEE_AIRFLOW_PORT", "70000"),
        (AirflowSettings, "MATINEE_LANDING_DIR", ""),
        (Settings, "MATINEE_SPARK_CORES", "two"),
        (Settings, "MATINEE_HEAL_CELLS", "0"),
        (Settings, "MATINEE_MAX_LINE_MB", "129"),
        *((Settings, "MATINEE_VALID_FROM", day) for day in ("20260301", "2026-02-30", "0001-01-01", "9999-12-31")),
        *((Settings, f"MATINEE_{name}", "") for name in ("HOME", "SQL_DIR", "JARS_DIR")),
        *((Settings, f"MATINEE_CATALOG_{name}", "") for name in ("URI", "SECRET")),
        *(
            (Settings, "SPARK_REMOTE", f"sc://{place}")
            for place in ("localhost:abc", "localhost:70000", "h:0", "", "a b")
        ),
        *(
            (Settings, "SPARK_REMOTE", place)
            for place in ("localhost:15002", "sc://h:1/path", "sc://h:1;a=b", "http://h")
        ),
    ],
)
def test_a_wrong_setting_is_named(
    kind: type[EnvironmentSettings], variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"not usable: {variable}: "):
        kind()


@pytest.mark.parametrize(
    "remote", ["", "sc://localhost", "sc://localhost:15002/", "sc://[::1]:15002", "sc://a-b.example:443/;use_ssl=true"]
)
def test_an_address_of_an_engine_is_accepted(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", remote)
    assert load_settings().spark_remote == remote


def test_a_group_reads_the_variables_of_its_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HEAL_CELLS": "7", "HEAL_MINUTES": "8", "MAX_LINE_MB": "1", "KAFKA": "b:1"}.items():
        monkeypatch.setenv(f"MATINEE_{name}", value)
    settings = load_settings()
    assert (settings.healing.cells, settings.healing.minutes) == (7, 8)
    assert (settings.landing.max_line_bytes, settings.stream.kafka) == (1 << 20, "b:1")


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


@pytest.mark.parametrize("place", ["lake", "~/lake", "file:lake", "s3://", "gs://bucket/lake", "://lake"])
def test_a_warehouse_that_nothing_here_reaches_is_refused(place: str) -> None:
    with pytest.raises(SettingsError, match="MATINEE_WAREHOUSE is to be an absolute path"):
        load_settings(warehouse=place)


def test_a_folder_as_warehouse_may_have_any_name() -> None:
    assert load_settings(warehouse="file:///a b#c?d%20").warehouse_uri == "file:///a b#c?d%20"
