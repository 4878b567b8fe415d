"""What errors of the operating system, of drivers and of libraries are among Matinee's errors."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from importlib import import_module

import click
import grpc
import psycopg2
import pyarrow as pa
import pytest
import yaml
from botocore import exceptions as aws
from py4j.protocol import Py4JError, Py4JNetworkError
from pydantic import TypeAdapter
from pyiceberg import exceptions as iceberg
from pyspark.errors.exceptions import connect as spark
from sqlalchemy import exc

from matinee import errors, foreign
from matinee.errors import InternalError, MatineeError, UsageError
from matinee.foreign import CODES, DRIVERS, LIBRARIES, translated, translating


def answer(code: str, status: int = 400) -> aws.ClientError:
    """An error of an AWS service."""
    meta = {"HTTPStatusCode": status}
    return aws.ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": meta}, "GetTable")  # type: ignore[arg-type]


def s3fs(kind: type[OSError], code: str) -> OSError:
    """The error of a file for which s3fs takes an error of S3."""
    error = kind("S3 refuses")
    error.__cause__ = answer(code)
    return error


def raised(work: Callable[[], object]) -> Exception:
    """The error that real work raises."""
    with pytest.raises(Exception) as told:  # noqa: PT011 - whatever it raises
        work()
    return told.value


def database(name: str, original: Exception, invalid: bool = False) -> exc.DBAPIError:
    """An error of SQLAlchemy around an error of a driver."""
    error: exc.DBAPIError = getattr(exc, name)("SELECT 1", {}, original)
    error.connection_invalidated = invalid
    return error


class Postgres(psycopg2.OperationalError):
    """An error of PostgreSQL with a code."""

    def __init__(self, code: str) -> None:
        super().__init__("refused")
        self.code_of_state = code

    @property
    def pgcode(self) -> str:  # type: ignore[override]
        return self.code_of_state


class Rpc(grpc.RpcError):
    """An error of a call of gRPC."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode[self.name]


def disk(number: int) -> OSError:
    """An error of the operating system with its class."""
    return OSError(number, os.strerror(number), "/lake/file")


TRANSIENT = [
    FileNotFoundError(errno.ENOENT, "No such file", "x.metadata.json"),
    *(disk(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EIO)),
    *(TimeoutError("timed out"), ConnectionRefusedError("refused"), BrokenPipeError("pipe"), MemoryError()),
    pa.lib.ArrowMemoryError("malloc"),
    *(answer(code) for code in ("ThrottlingException", "ExpiredTokenException", "SlowDown", "RequestExpired")),
    *(answer(code) for code in ("TooManyRequestsException", "ConcurrentModificationException", "RequestTimeout")),
    *(answer("Unknown", status) for status in (500, 502, 503)),
    aws.EndpointConnectionError(endpoint_url="http://x"),
    aws.ReadTimeoutError(endpoint_url="http://x"),
    aws.CredentialRetrievalError(provider="x", error_msg="x"),
    aws.UnauthorizedSSOTokenError(),
    *(s3fs(PermissionError, "ExpiredToken"), s3fs(OSError, "SlowDown")),
    OSError("When reading information for key 'k' in bucket 'b': AWS Error SLOW_DOWN during HeadObject operation"),
    database("OperationalError", Exception("database is locked")),
    database("DatabaseError", Exception("lost"), invalid=True),
    exc.TimeoutError("QueuePool limit"),
    psycopg2.OperationalError("server closed the connection unexpectedly"),
    psycopg2.OperationalError('could not translate host name "x" to address'),
    *(database("OperationalError", Postgres(code)) for code in ("57P01", "53300", "40001")),
    iceberg.CommitFailedException("lost"),
    iceberg.CommitStateUnknownException("?"),
    iceberg.ValidationException("conflicting files"),
    *(Rpc(name) for name in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL")),
    *(Py4JError("x"), Py4JNetworkError("x"), spark.SparkConnectGrpcException("lost"), spark.PythonException("x")),
    *(KeyboardInterrupt(), click.Abort()),
]
TERMINAL = [
    *(disk(number) for number in (errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENAMETOOLONG)),
    *(disk(number) for number in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP)),
    *(PermissionError("x"), s3fs(PermissionError, "AccessDenied"), s3fs(FileNotFoundError, "NoSuchBucket")),
    *(answer(code) for code in ("AccessDeniedException", "NoSuchBucket", "UnrecognizedClientException", "403")),
    aws.NoCredentialsError(),
    aws.ProfileNotFound(profile="x"),
    aws.ParamValidationError(report="x"),
    OSError("When reading information for key 'k' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject operation"),
    OSError("When listing objects: AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation"),
    psycopg2.OperationalError('FATAL:  password authentication failed for user "x"'),
    database("OperationalError", psycopg2.OperationalError('FATAL:  database "x" does not exist')),
    *(database("OperationalError", Postgres(code)) for code in ("28P01", "3D000", "42501")),
    *(database(name, Exception("x")) for name in ("ProgrammingError", "IntegrityError", "DataError")),
    exc.ArgumentError("Could not parse the URL"),
    *(iceberg.NoSuchTableError("x"), iceberg.NoSuchNamespaceError("x"), iceberg.ValidationError("schema")),
    *(spark.AnalysisException("[UNRESOLVED_COLUMN] x"), spark.ParseException("x"), spark.ArithmeticException("x")),
    *(Rpc(name) for name in ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED")),
    raised(b"\xff".decode),
    raised(lambda: json.loads("{")),
    raised(lambda: yaml.safe_load("a: [")),
    raised(lambda: TypeAdapter(int).validate_python("x")),
    raised(lambda: pa.ipc.open_file(pa.py_buffer(b"no file"))),
    *(ImportError("no x"), click.UsageError("no such option"), EOFError("cut off")),
    *(KeyError("x"), ValueError("x"), AssertionError(), RecursionError(), StopIteration(), ZeroDivisionError()),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_an_error_that_may_pass_is_transient(error: BaseException) -> None:
    assert translated(error).retryable


@pytest.mark.parametrize("error", TERMINAL, ids=repr)
def test_an_error_that_will_not_pass_is_terminal(error: BaseException) -> None:
    assert not translated(error).retryable


@pytest.mark.parametrize("error", [*TRANSIENT, *TERMINAL], ids=repr)
def test_every_error_says_what_happened_and_what_to_do(error: BaseException) -> None:
    ours = translated(error, "/lake")
    assert isinstance(ours, MatineeError)
    assert type(ours).__name__ in vars(errors)
    assert ours.message.strip()
    assert ours.next_step.strip()
    assert "{" not in ours.message.replace('"{', "")
    assert "\n" not in ours.message


def test_an_error_of_matinee_stays_as_it_is() -> None:
    error = UsageError("no", next_step="yes")
    assert translated(error) is error
    with pytest.raises(UsageError) as told, translating():
        raise error
    assert told.value is error


def test_a_fault_names_its_place_and_keeps_its_traceback() -> None:
    with pytest.raises(InternalError, match=r"Unexpected KeyError: 'x' \(test_foreign.py:\d+\)") as told, translating():
        _ = dict[str, str]()["x"]
    assert "Traceback" in str(told.value.facts["traceback"])


def test_the_first_error_of_a_group_is_told() -> None:
    assert "first" in translated(ExceptionGroup("", [KeyError("first"), KeyError("second")])).message


@pytest.mark.parametrize("sqlite", [b"no database" * 100, None], ids=["garbage", "cut off"])
def test_a_damaged_catalog_is_a_lost_catalog(sqlite: bytes | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("lake") / "catalog.db"
    if sqlite is None:
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE t AS SELECT zeroblob(100000)")
        connection.close()
        sqlite = file.read_bytes()[:5000]
    file.write_bytes(sqlite)
    connection = sqlite3.connect(file)
    error = raised(lambda: connection.execute("SELECT * FROM t").fetchall())
    connection.close()
    ours = translated(database("DatabaseError", error))
    assert type(ours) is errors.CatalogLostError
    assert "lake restore" in ours.next_step


@pytest.mark.parametrize("name", [*DRIVERS, *LIBRARIES])
def test_each_class_of_the_tables_exists_under_its_name(name: str) -> None:
    module, _, kind = name.rpartition(".")
    named = getattr(import_module(module), kind)
    assert issubclass(named, BaseException)
    assert f"{named.__module__}.{named.__qualname__}" == name


def test_no_code_says_that_matinee_is_at_fault() -> None:
    assert all(meaning.kind is not InternalError for meaning in CODES.values())
    assert foreign._UNKNOWN.kind is InternalError
