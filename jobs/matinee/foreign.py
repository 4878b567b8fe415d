"""Errors of the operating system, of drivers and of libraries become errors of Matinee, by the tables of `meanings`.

A class that the tables do not name is what its nearest named base is; an error that has none is a fault of Matinee.
"""

import errno
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from matinee.disks import refused_by_disk
from matinee.errors import EngineFailedError, MatineeError
from matinee.meanings import (
    CODES,
    DRIVERS,
    LIBRARIES,
    NO_THREADS,
    ODD_CONFIGURATION,
    OF_PYICEBERG,
    OF_TABLE_FILES,
    UNKNOWN,
    Meaning,
)
from matinee.table_files import told_by

#: PostgreSQL gives no code to an error before the session begins.
_REFUSED_SESSIONS = re.compile(r"authentication failed|no password supplied|no pg_hba.conf entry|does not exist")
#: In the text of an engine that names a file.
_MISREAD = re.compile(
    r"not found|no such file|failed to (open|fetch|read)|corrupt|magic|footer|no parquet", re.IGNORECASE
)
#: Of Python, and of PyArrow.
_NO_THREAD = re.compile(r"can't start new thread|Failed to launch worker thread")
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
    return of_drivers(error, at) or explained(error, meaning_of(error, LIBRARIES) or _by_place(error))


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
    if meaning in (OF_PYICEBERG, UNKNOWN):
        facts["traceback"] = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
    if meaning is UNKNOWN:
        lines[0] = f"{lines[0]} ({_place(error)})"
    file = told_by(told) if meaning in OF_TABLE_FILES else None
    if file is not None and (meaning.kind is not EngineFailedError or _MISREAD.search(text)):
        meaning = OF_TABLE_FILES[meaning]
        facts |= {"dataset": file.dataset, "file": file.path, "snapshot_id": file.snapshot_id}
    what = meaning.what.format(name=name, why=lines[0].rstrip(".") or name, file=file, path=file and file.path).strip()
    return meaning.kind(f"{what[:1].upper()}{what[1:]}", next_step=meaning.next_step, facts=facts)


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
    if isinstance(error, OSError) and type(error).__module__ == "builtins":
        yield errno.errorcode.get(error.errno or 0, "")
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


def _by_place(error: BaseException) -> Meaning:
    """Return what an error without a class of its own means: by its text, or by the module that raised the error."""
    if _NO_THREAD.search(str(error)):
        return NO_THREADS
    modules = [str(frame.f_globals["__name__"]) for frame, _ in traceback.walk_tb(error.__traceback__)] or [""]
    if modules[-1] == "pyiceberg.utils.config":
        return ODD_CONFIGURATION
    # Of a damaged Avro file, its decoder, and whatever is made of its values, raise what its bytes lead to.
    is_refused = "pyiceberg.avro.file" in modules or modules[-1].startswith("pyiceberg.avro.")
    is_refused = is_refused or (type(error) is ValueError and modules[-1].startswith("pyiceberg."))
    return OF_PYICEBERG if is_refused else UNKNOWN


def _place(error: BaseException) -> str:
    """Return the file and line of Matinee at which an error was raised, or passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "no place"
