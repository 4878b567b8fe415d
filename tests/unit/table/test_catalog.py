"""Errors of the catalog and the storage: retryable where they may pass; errors of no driver go through."""

from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pyiceberg.catalog
import pytest
from botocore.exceptions import ClientError
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.utils.config import Config
from sqlalchemy import exc
from tests.support.lakes import D1, close_days, make_lake

from matinee.errors import CatalogRefusedError, CatalogUnavailableError, CommitConflictError
from matinee.hooks import registered
from matinee.report import Report
from matinee.settings import Settings
from matinee.steps import main as entry
from matinee.table import catalog
from matinee.table.catalog import Lake, catalog_errors


def aws(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetTable")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        exc.OperationalError("", {}, Exception("database is locked")),
        exc.InterfaceError("", {}, Exception("connection already closed")),
        exc.TimeoutError("QueuePool limit"),
        psycopg2.InterfaceError("connection already closed"),
        psycopg2.OperationalError("server closed the connection"),
        OSError("When reading information for key: AWS Error SLOW_DOWN"),
        FileNotFoundError("00002.metadata.json"),
        ConnectionResetError("peer"),
        aws("ThrottlingException"),
        aws("ExpiredTokenException"),
        aws("InternalFailure", 503),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    with pytest.raises(CatalogUnavailableError) as told, catalog_errors():
        raise error
    assert told.value.retryable


AWAY = "The catalog, the storage of the lake or another service does not answer"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionResetError("peer"), f"{AWAY}: peer."),
        (exc.OperationalError("", {}, Exception("locked\nmore")), f"{AWAY}: locked."),
        (TimeoutError(), f"{AWAY}: TimeoutError."),
    ],
    ids=["storage", "catalog", "without a text"],
)
def test_what_does_not_answer_is_named_with_its_cause(error: Exception, told: str) -> None:
    with pytest.raises(CatalogUnavailableError) as raised, catalog_errors():
        raise error
    assert raised.value.message == told


@pytest.mark.parametrize("error", [aws("AccessDeniedException"), PermissionError("x")], ids=repr)
def test_what_will_not_pass_is_terminal(error: Exception) -> None:
    with pytest.raises(CatalogRefusedError), catalog_errors():
        raise error


def test_an_error_of_no_driver_goes_through() -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as told, catalog_errors():
        raise error
    assert told.value is error


def test_the_first_snapshot_that_another_process_made_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure("core.plays")
    with table.transaction() as transaction:
        transaction.set_properties({"commit.retry.num-retries": "0"})

    def lose(*_: object) -> object:
        raise CommitFailedException("Table has been updated by another process")

    monkeypatch.setattr(type(lake.catalog), "commit_table", lose)
    catalog._append_nothing(table)
    assert len(lake.table("core.plays").metadata.snapshots) == 1


def test_an_append_to_a_register_that_lost_its_race_is_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    close_days(lake, "raw.plays", {D1: 0})

    def lose(*_: object) -> object:
        raise CommitFailedException("Table has been updated by another process")

    monkeypatch.setattr(type(lake.catalog), "commit_table", lose)
    with pytest.raises(CommitConflictError):
        close_days(lake, "raw.plays", {D1: 1})


def test_a_step_whose_storage_does_not_answer_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings, dataset: str, publication_id: str) -> Report:
        raise OSError("AWS Error SLOW_DOWN")

    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    monkeypatch.setitem(registered(entry.HOOK), "publish", SimpleNamespace(load=lambda: fail))  # type: ignore[arg-type]
    report = tmp_path / "report.json"
    assert entry.main("publish", ["--dataset", "core.plays", "--publication-id", "x", "--report", str(report)]) == 1
    error = Report.read(report).error
    assert error is not None
    assert (error.type, error.retryable) == ("CatalogUnavailableError", True)


@pytest.mark.parametrize(
    "settings",
    [{"catalog": "embedded"}, {"catalog": "aws", "warehouse": "s3://b/p", "glue_endpoint": "http://127.0.0.1:1"}],
    ids=["embedded", "aws"],
)
def test_what_pyiceberg_is_told_of_a_catalog_of_that_name_is_left_out(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TYPE": "rest", "URI": "http://127.0.0.1:1", "GLUE__ID": "another"}.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LAKE__{name}", value)
    monkeypatch.setattr(pyiceberg.catalog, "_ENV_CONFIG", Config())
    ours = Settings(home=tmp_path, **settings)
    assert Lake.open_any(ours).catalog.properties == catalog.catalog_properties(ours)
