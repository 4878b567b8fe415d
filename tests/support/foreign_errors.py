"""Errors of the operating system, of drivers and of libraries: those that may pass, and those that will not."""

import errno
import json
import os
import socket
import sqlite3
import ssl
from collections.abc import Callable
from contextlib import closing

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


def name_of(error: BaseException) -> str:
    """The name of an error among the parameters of a test, the same in every process."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:50]}"


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


def in_sqlite(*statements: str) -> None:
    """Run statements in a database of their own."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)


def made_twice(key: str) -> Exception:
    """The error of SQLite where two make the same row."""
    return raised(lambda: in_sqlite(f"CREATE TABLE t (x {key})", *["INSERT INTO t VALUES (1)"] * 2))


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
    *(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), socket.herror(1, "Unknown host")),
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    pa.lib.ArrowMemoryError("malloc"),
    *(disk(number) for number in (errno.ENOMEM, errno.EAGAIN)),
    RuntimeError("can't start new thread"),
    pa.lib.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
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
    *(database("OperationalError", Postgres(code)) for code in ("57P01", "53300", "40001", "25006")),
    *(database("IntegrityError", Postgres(code)) for code in ("23505", "42P06", "42P07")),
    *(database("IntegrityError", made_twice(key)) for key in ("PRIMARY KEY", "UNIQUE")),
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
    *(disk(number) for number in (errno.EMFILE, errno.ENFILE)),
    *(PermissionError("x"), s3fs(PermissionError, "AccessDenied"), s3fs(FileNotFoundError, "NoSuchBucket")),
    *(answer(code) for code in ("AccessDeniedException", "NoSuchBucket", "UnrecognizedClientException", "403")),
    ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    aws.NoCredentialsError(),
    aws.ProfileNotFound(profile="x"),
    aws.ParamValidationError(report="x"),
    OSError("When reading information for key 'k' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject operation"),
    OSError("When listing objects: AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation"),
    psycopg2.OperationalError('FATAL:  password authentication failed for user "x"'),
    database("OperationalError", psycopg2.OperationalError('FATAL:  database "x" does not exist')),
    *(database("OperationalError", Postgres(code)) for code in ("28P01", "3D000", "42501")),
    database("IntegrityError", Postgres("23502")),
    database("IntegrityError", raised(lambda: in_sqlite("CREATE TABLE t (x NOT NULL)", "INSERT INTO t VALUES (NULL)"))),
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
