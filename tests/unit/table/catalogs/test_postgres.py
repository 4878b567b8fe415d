"""The address of a catalog in PostgreSQL: what libpq and Spark's driver are told."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from matinee.engine.options import catalog_options
from matinee.errors import SettingsError
from matinee.settings import load_settings
from matinee.table.catalogs.postgres import CONNECT_TIMEOUT, address, jdbc

PASSWORD = "p@s/s%41#?+:&= x"
AUTHORITY = f"{quote('m@/%#', safe='')}:{quote(PASSWORD, safe='')}"


@pytest.fixture(autouse=True)
def no_variables_of_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "uri",
    [
        f"postgresql://{AUTHORITY}@h:5433/la%20ke%2f%23%3F?sslmode=verify-full&sslrootcert=%2Fa%20b%23.crt",
        "postgresql://u:p#x@h/d?options=-c%20search_path%3Da+b",
        "postgres://u@[::1]:5/d",
        "postgresql://u@a:1,b:2/d?target_session_attrs=read-write",
        "postgresql:///d?host=/run/a%20b",
    ],
)
def test_libpq_gets_each_part_of_the_uri_as_it_stands_there(uri: str) -> None:
    from psycopg2.extensions import parse_dsn
    from sqlalchemy.dialects.postgresql.psycopg2 import dialect
    from sqlalchemy.engine import make_url

    waits = {"connect_timeout": CONNECT_TIMEOUT}
    assert dialect().create_connect_args(make_url(address(uri)))[1] == waits | parse_dsn(uri)


def test_a_server_is_waited_for_as_long_as_the_address_or_libpq_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert "connect_timeout=7" in address("postgresql://u@h/d")
    assert "connect_timeout=5" in address("postgresql://u@h/d?connect_timeout=5")


def test_spark_gets_the_same_database_user_and_protection() -> None:
    uri, properties = jdbc(
        f"postgresql://{AUTHORITY}@h:5433/la%20ke%2f?sslmode=verify-full&sslrootcert=/a%23.crt&keepalives=1"
        "&options=-c%20search_path%3Dlake&application_name=a&connect_timeout=5"
    )
    assert uri == "jdbc:postgresql://h:5433/la%20ke%2F"
    assert properties == {
        "user": "m@/%#",
        "password": PASSWORD,
        "options": "-c search_path=lake",
        "sslmode": "verify-full",
        "sslrootcert": "/a#.crt",
        "connectTimeout": "5",
        "ApplicationName": "a",
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://u@h/d", "//h:5432/d"),
        ("postgresql://u@[::1]/d", "//[::1]:5432/d"),
        ("postgresql://u@a:1,b:2/d", "//a:1,b:2/d"),
        ("postgresql://u@h", "//h:5432/u"),
    ],
)
def test_spark_is_told_hosts_ports_and_database(uri: str, expected: str) -> None:
    assert jdbc(uri)[0] == f"jdbc:postgresql:{expected}"


def test_the_variables_of_libpq_count_for_spark_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"PGHOST": "h", "PGPASSWORD": "p", "PGSSLMODE": "require", "PGSSLROOTCERT": "ca.crt"}.items():
        monkeypatch.setenv(name, value)
    uri, properties = jdbc("postgresql://u@/d?sslmode=verify-ca")
    assert uri == "jdbc:postgresql://h:5432/d"
    assert (properties["password"], properties["sslmode"]) == ("p", "verify-ca")
    assert properties["sslrootcert"] == str(tmp_path / "ca.crt")


def test_idle_connections_of_spark_end_whatever_options_are_given() -> None:
    settings = load_settings(catalog="postgres", catalog_uri="postgresql://u@h/d?options=-c%20search_path%3Dlake")
    options = catalog_options(settings)["spark.sql.catalog.lake.jdbc.options"]
    assert options == "-c search_path=lake -c idle_session_timeout=30000"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("postgresql://u@h/d?sslkey=a.key", "no option sslkey"),
        ("postgresql://u@h/d?sslrootcert=system", "sslrootcert=system"),
        ("postgresql:///d?host=/run", "Unix sockets"),
    ],
)
def test_what_spark_could_not_do_is_refused(uri: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        jdbc(uri)


@pytest.mark.parametrize(
    "uri", ["postgresql://u:se%cret@h/d", "mysql://u:se%cret@h/d", "postgresql://u:secret@h/d?foo=1"]
)
def test_a_uri_that_libpq_cannot_read_is_refused_without_its_password(uri: str) -> None:
    for read in (address, jdbc):
        with pytest.raises(SettingsError, match="MATINEE_CATALOG_URI is not a URI of PostgreSQL") as raised:
            read(uri)
        assert "cret" not in str(raised.value)
        assert raised.value.__suppress_context__
