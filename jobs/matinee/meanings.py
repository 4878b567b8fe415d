"""What each error of the operating system, of drivers and of libraries is among Matinee's errors.

Tables name the classes and codes, so that no driver is imported for its errors.
"""

from collections.abc import Mapping
from typing import NamedTuple

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
ODD_CONFIGURATION = Meaning(
    EnvironmentNotReadyError,
    "PyIceberg's own configuration cannot be read: {why}.",
    "Correct the PYICEBERG_* variables of the environment, and `.pyiceberg.yaml` in the user's home, in the working "
    "directory or where PYICEBERG_HOME leads.",
)
_NO_MEMORY = Meaning(
    OutOfMemoryError, "The process has no memory left. {why}", "Free memory, or give fewer files or days at once."
)
_NO_FILES = Meaning(
    EnvironmentNotReadyError,
    "The process may open no more files: {why}.",
    "Raise the limit of open files (`ulimit -n`), then run again.",
)
NO_THREADS = Meaning(
    OutOfMemoryError,
    "The process cannot start another thread or process: {why}.",
    "Raise the limits of processes and of address space (`ulimit -u`, `ulimit -v`, the container's), or run less.",
)
_STOPPED = Meaning(StoppedError, "Stopped before the end.", "Run again: what was not committed counts as not done.")
_USAGE = Meaning(UsageError, "{why}", "See the command's `--help`.")
OF_PYICEBERG = Meaning(
    UnreadableError,
    "A table is not as PyIceberg expects: {why}.",
    "`matinee doctor` checks the lake; put a good copy in the place of what is damaged, or correct the settings.",
)
_COPY = "Put a good copy in its place (`deploy/lake.md`, Damaged files), then run again."
_DAMAGED = Meaning(UnreadableError, "{file} cannot be read: {path}: {why}.", _COPY)
#: What an error is where it is about a file of a table, by what it is elsewhere.
OF_TABLE_FILES: Mapping[Meaning, Meaning] = {
    **dict.fromkeys((_UNREADABLE, OF_PYICEBERG, _BAD_SCHEMA), _DAMAGED),
    _ENGINE_FAILED: Meaning(EngineFailedError, "The engine cannot read {file}: {why}", _COPY),
    _GONE: Meaning(
        CatalogUnavailableError,
        "{file} is missing: {path}.",
        "Run again: another process may have replaced the file. Else put a copy in its place (`deploy/lake.md`).",
    ),
}
UNKNOWN = Meaning(
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
    **_all(ODD_CONFIGURATION, "strictyaml.exceptions.StrictYAMLError", "strictyaml.ruamel.error.YAMLError"),
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
#: Codes say more than classes: those of the operating system, of AWS, also in PyArrow's texts, of SQLite, of PostgreSQL
#: and of gRPC.
CODES: Mapping[str, Meaning] = {
    **_all(_NO_MEMORY, "ENOMEM"),
    **_all(_NO_FILES, "EMFILE", "ENFILE"),
    **_all(NO_THREADS, "EAGAIN"),
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
