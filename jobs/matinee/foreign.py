"""Errors of the operating system, of drivers and of libraries, and what each is among Matinee's errors.

Tables name the classes and codes, so that no driver is imported for its errors. A class that the tables do not name is
what its nearest named base is; an error that has none is a fault of Matinee.
"""

import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from matinee.disks import refused_by_disk
from matinee.errors import (
    CatalogLostError,
    CatalogRefusedError,
    CatalogUnavailableError,
    CommitConflictError,
    ContractError,
    EngineFailedError,
    EngineRefusedError,
    EnvironmentNotReadyError,
    InternalError,
    MatineeError,
    MissingTableError,
    OutOfMemoryError,
    StoppedError,
    UnreadableError,
    UsageError,
)


class Meaning(NamedTuple):
    """What an error is among Matinee's: its class, what happened ("{why}" is the error's own text), the next step."""

    kind: type[MatineeError]
    what: str
    next_step: str


_AWAY = Meaning(
    CatalogUnavailableError,
    "The catalog, the storage of the lake or another service does not answer: {why}.",
    "Check that it runs and that the MATINEE_CATALOG_* settings name it, then run again.",
)
_GONE = Meaning(
    CatalogUnavailableError,
    "A file is missing: {why}.",
    "Run again: another process may have replaced the file; else correct the path or restore the file.",
)
_BUSY = Meaning(
    CatalogUnavailableError,
    "The catalog or the storage of the lake takes no call now: {why}.",
    "Run again later: what was not committed counts as not done.",
)
_EXPIRED = Meaning(
    CatalogUnavailableError,
    "The credentials have expired: {why}.",
    "Run again; if they do not renew themselves, log in again first.",
)
_REFUSED = Meaning(
    CatalogRefusedError,
    "The catalog or the storage of the lake refuses the call: {why}.",
    "Check user, password and rights, and what the MATINEE_CATALOG_*, MATINEE_WAREHOUSE and AWS settings name.",
)
_SHUT = Meaning(
    EnvironmentNotReadyError,
    "The catalog's file cannot be opened: {why}.",
    "Give the user that runs Matinee the right to read and write the folder that MATINEE_HOME names.",
)
_DAMAGED_CATALOG = Meaning(
    CatalogLostError,
    "The catalog's file is damaged: {why}.",
    "Move the file away, then `matinee lake restore DIR` with the last backup (`deploy/lake.md`).",
)
_ENGINE_FAILED = Meaning(
    EngineFailedError,
    "The engine failed: {why}",
    "Read the engine's log; `matinee doctor` checks the engine and the lake.",
)
_ENGINE_REFUSED = Meaning(
    EngineRefusedError,
    "The engine refuses the query: {why}",
    "Correct the query, the transform or the rows that it names, then run again.",
)
_OVERTAKEN = Meaning(
    CommitConflictError, "Another commit came between: {why}.", "Run again: the work starts from what is there now."
)
_NO_TABLE = Meaning(
    MissingTableError,
    "A table is missing: {why}.",
    "Land events with `matinee ingest`, then `matinee run` the inputs and the dataset.",
)
_BAD_SCHEMA = Meaning(ContractError, "A table cannot become what is asked for: {why}.", "Correct the contract.")
_UNREADABLE = Meaning(
    UnreadableError,
    "A file or an answer cannot be read: {why}.",
    "`matinee doctor` checks the lake; put a good copy in the place of what is damaged, then run again.",
)
_NOT_INSTALLED = Meaning(
    EnvironmentNotReadyError, "A package is missing or broken: {why}.", "Install it (`make env`), then run again."
)
_NO_MEMORY = Meaning(
    OutOfMemoryError, "The process has no memory left. {why}", "Free memory, or give fewer files or days at once."
)
_STOPPED = Meaning(StoppedError, "Stopped before the end.", "Run again: what was not committed counts as not done.")
_USAGE = Meaning(UsageError, "{why}", "See the command's `--help`.")
_UNKNOWN = Meaning(
    InternalError,
    "Unexpected {name}: {why}",
    "This is a fault of Matinee: report the call with its traceback, which MATINEE_TRACEBACK=1 prints.",
)


def _all(meaning: Meaning, *names: str) -> dict[str, Meaning]:
    return dict.fromkeys(names, meaning)


#: Errors of the catalog, its storage and the network, by class. No code tells these apart by their own classes.
DRIVERS: Mapping[str, Meaning] = {
    **_all(_AWAY, "builtins.OSError", "http.client.HTTPException", "urllib3.exceptions.HTTPError"),
    **_all(_GONE, "builtins.FileNotFoundError"),
    **_all(_REFUSED, "builtins.PermissionError", "ssl.SSLCertVerificationError"),
    **_all(_UNREADABLE, "gzip.BadGzipFile"),
    **_all(_AWAY, *(f"sqlalchemy.exc.{name}" for name in ("OperationalError", "InterfaceError", "TimeoutError"))),
    **_all(_AWAY, "sqlalchemy.exc.DisconnectionError", "psycopg2.OperationalError", "psycopg2.InterfaceError"),
    **_all(_REFUSED, "sqlalchemy.exc.SQLAlchemyError", "psycopg2.Error", "sqlite3.Error"),
    **_all(
        _AWAY,
        *(
            f"botocore.exceptions.{name}"
            for name in (
                *("ConnectionError", "HTTPClientError", "ResponseStreamingError", "IncompleteReadError"),
                *("CredentialRetrievalError", "MetadataRetrievalError", "TokenRetrievalError", "WaiterError"),
            )
        ),
    ),
    **_all(_EXPIRED, "botocore.exceptions.UnauthorizedSSOTokenError", "botocore.exceptions.LoginRefreshRequired"),
    **_all(_REFUSED, "botocore.exceptions.BotoCoreError", "botocore.exceptions.ClientError"),
}
#: Errors that lower code may handle by their own classes: the outermost call translates what is left of them.
LIBRARIES: Mapping[str, Meaning] = {
    **_all(_STOPPED, "builtins.KeyboardInterrupt", "click.exceptions.Abort"),
    **_all(_USAGE, "click.exceptions.ClickException"),
    **_all(_NO_MEMORY, "builtins.MemoryError"),
    **_all(_NOT_INSTALLED, "builtins.ImportError", "pyiceberg.exceptions.NotInstalledError"),
    **_all(_UNREADABLE, "builtins.UnicodeError", "json.decoder.JSONDecodeError", "yaml.error.YAMLError"),
    **_all(_UNREADABLE, "zlib.error", "builtins.EOFError"),
    **_all(_UNREADABLE, "pyarrow.lib.ArrowInvalid", "pyarrow.lib.ArrowSerializationError"),
    **_all(_UNREADABLE, "pydantic_core._pydantic_core.ValidationError"),
    **_all(_OVERTAKEN, *(f"pyiceberg.exceptions.{name}" for name in ("CommitFailedException", "ValidationException"))),
    **_all(_OVERTAKEN, "pyiceberg.exceptions.TableAlreadyExistsError"),
    **_all(_OVERTAKEN, "pyiceberg.exceptions.NamespaceAlreadyExistsError"),
    **_all(_AWAY, "pyiceberg.exceptions.RESTError"),  # Of them also: whether the commit was made is not known.
    **_all(_NO_TABLE, "pyiceberg.exceptions.NoSuchTableError", "pyiceberg.exceptions.NoSuchNamespaceError"),
    **_all(_BAD_SCHEMA, "pyiceberg.exceptions.ValidationError", "pyiceberg.exceptions.ResolveError"),
    **_all(
        _ENGINE_FAILED,
        *("grpc.RpcError", "py4j.protocol.Py4JError", "pyspark.errors.exceptions.base.PySparkException"),
        "concurrent.futures.process.BrokenProcessPool",
    ),
    **_all(
        _ENGINE_REFUSED,
        "pyspark.errors.exceptions.connect.InvalidPlanInput",
        *(
            f"pyspark.errors.exceptions.base.{name}"
            for name in (
                *("AnalysisException", "ArithmeticException", "ArrayIndexOutOfBoundsException", "DateTimeException"),
                *("NumberFormatException", "PySparkAttributeError", "PySparkKeyError", "PySparkNotImplementedError"),
                *("PySparkTypeError", "PySparkValueError"),
            )
        ),
    ),
}
#: Codes say more than classes: those of AWS, of AWS in PyArrow's texts, of SQLite, of PostgreSQL and of gRPC.
CODES: Mapping[str, Meaning] = {
    **_all(_BUSY, "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException"),
    **_all(_BUSY, "RequestThrottled", "TooManyRequestsException", "ProvisionedThroughputExceededException"),
    **_all(_BUSY, "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown"),
    **_all(_BUSY, "RequestTimeout", "RequestTimeoutException", "OperationTimeoutException", "OperationAborted"),
    **_all(_BUSY, "ConditionalRequestConflict", "ServiceUnavailable", "InternalError", "InternalServiceException"),
    **_all(_EXPIRED, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
    **_all(_OVERTAKEN, "ConcurrentModificationException"),
    # Of two that make the same table, namespace or row, the later is refused.
    **_all(_OVERTAKEN, "23505", "42P06", "42P07", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"),
    **_all(_REFUSED, "ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH"),
    **_all(_REFUSED, "NoSuchBucket"),
    **_all(_SHUT, "SQLITE_CANTOPEN", "SQLITE_AUTH", "SQLITE_PERM"),
    **_all(_DAMAGED_CATALOG, "SQLITE_NOTADB", "SQLITE_CORRUPT"),
    **_all(_REFUSED, "28000", "28P01", "3D000", "42501"),
    **_all(_BUSY, "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"),
    **_all(_BUSY, "25006"),  # A standby only reads; a failover makes it the primary.
    **_all(_ENGINE_REFUSED, "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "INVALID_ARGUMENT"),
}
#: PostgreSQL gives no code to an error before the session begins.
_REFUSED_SESSIONS = re.compile(r"authentication failed|no password supplied|no pg_hba.conf entry|does not exist")
_AWS_IN_TEXT = re.compile(r"AWS Error (\w+)")
_TRACEBACK_CHARACTERS = 8000
_PACKAGE = Path(__file__).parent


def translated(error: BaseException, at: str = "") -> MatineeError:
    """Return Matinee's error for any error, Matinee's own as they are; for the outermost call of a process.

    Args:
        error: whatever was raised.
        at: what was to be read or written, for an error of a disk that names no file.
    """
    if isinstance(error, MatineeError):
        return error
    return of_drivers(error, at) or explained(error, meaning_of(error, LIBRARIES) or _UNKNOWN)


def of_drivers(error: BaseException, at: str = "") -> MatineeError | None:
    """Return Matinee's error for an error of the catalog, its storage or the network; else None."""
    if refused := refused_by_disk(_told_by(error), at):
        return refused
    meaning = meaning_of(error, DRIVERS)
    return None if meaning is None else explained(error, meaning)


@contextmanager
def translating(at: str = "") -> Iterator[None]:
    """Raise Matinee's error for whatever a block raises: what `translated` returns."""
    try:
        yield
    except MatineeError:
        raise
    except Exception as error:
        raise translated(error, at) from error


def meaning_of(error: BaseException, known: Mapping[str, Meaning]) -> Meaning | None:
    """Return what an error means: by its code where the code is known, else by its class and the bases of it."""
    told = _told_by(error)
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(told).__mro__]
    by_class = next((known[name] for name in names if name in known), None)
    if by_class is None:
        return None
    return next((CODES[code] for code in _codes(told) if code in CODES), by_class)


def explained(error: BaseException, meaning: Meaning) -> MatineeError:
    """Return the error that a meaning asks for, with the first line of the text of the foreign error."""
    told = _told_by(error)
    told = getattr(told, "orig", None) or told
    text = told.format_message() if hasattr(told, "format_message") else str(told)  # Of click.
    lines = text.strip().splitlines() or [""]
    name = type(told).__name__
    facts: dict[str, object] = {"cause": f"{type(told).__module__}.{name}", "text": text[:4000]}
    if meaning.kind is InternalError:
        facts["traceback"] = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        lines[0] = f"{lines[0]} ({_place(error)})"
    what = meaning.what.format(name=name, why=lines[0].rstrip(".") or name)
    return meaning.kind(what.strip(), next_step=meaning.next_step, facts=facts)


def _told_by(error: BaseException) -> BaseException:
    """Return the error that says most: fsspec raises errors of files for those of AWS, which it gives as the cause."""
    if isinstance(error, BaseExceptionGroup):
        return _told_by(error.exceptions[0])
    cause = error.__cause__
    return (
        cause
        if isinstance(error, OSError) and isinstance(getattr(cause, "response", None), Mapping) and cause
        else error
    )


def _codes(error: BaseException) -> Iterable[str]:
    """Yield the codes that an error carries, or that stand for what it says."""
    if isinstance(answer := getattr(error, "response", None), Mapping):  # Of botocore.
        yield str(answer.get("Error", {}).get("Code"))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        yield "ServiceUnavailable" if status >= 500 else ""
    if callable(code := getattr(error, "code", None)):  # Of gRPC.
        yield getattr(code(), "name", "")
    if isinstance(error, OSError) and (named := _AWS_IN_TEXT.search(str(error))):
        yield named[1]
    if getattr(error, "connection_invalidated", False):  # Of SQLAlchemy: whatever the statement was, the line is dead.
        yield "57P01"
    driver = getattr(error, "orig", None) or error
    of_sqlite = str(getattr(driver, "sqlite_errorname", ""))
    yield of_sqlite
    yield "_".join(of_sqlite.split("_")[:2])  # Without what SQLite adds to a code.
    yield str(getattr(driver, "pgcode", None))
    if type(driver).__module__ == "psycopg2" and _REFUSED_SESSIONS.search(str(driver)):
        yield "28000"


def _place(error: BaseException) -> str:
    """Return the file and line of Matinee at which an error was raised, or passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "no place"
