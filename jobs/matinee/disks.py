"""Disks that refuse a path: full ones, read-only ones, those of another user, and names that cannot be used."""

import errno
import os
from pathlib import Path

from matinee.errors import CatalogUnavailableError, EnvironmentNotReadyError

#: Space may be freed while work is tried again.
_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_THE_WAY = "Move away what has that name, or use another name"
_RIGHTS = "Give the user that runs Matinee the right to read and write there"
_NEXT = {
    errno.ENOSPC: "Free space there",
    errno.EDQUOT: "Free space there, or raise the quota",
    errno.EFBIG: "Raise the limit of this process (`ulimit -f`)",
    errno.EROFS: "Mount the disk for writing",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENAMETOOLONG: "Use shorter names",
    errno.ELOOP: "Correct the links, which lead to each other",
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
}
#: Error codes of databases whose disk refuses.
_OF_DATABASES = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_READONLY": errno.EROFS,
    "SQLITE_READONLY_DIRECTORY": errno.EACCES,
    "53100": errno.ENOSPC,
}


def refused_by_disk(error: BaseException, at: str) -> CatalogUnavailableError | EnvironmentNotReadyError | None:
    """Return the error that names the disk, where a driver's error says that a disk refuses; else None.

    Args:
        error: of the operating system, or SQLAlchemy's error around an error of the database.
        at: what was to be written, for an error that names no file.
    """
    cause = getattr(error, "orig", None) or error
    told = getattr(cause, "sqlite_errorname", None) or getattr(cause, "pgcode", None)
    # Subclasses of libraries number errors in their own way: 1 is a fault of TLS, or a host that is not known.
    own = getattr(cause, "errno", None) if type(cause).__module__ == "builtins" else None
    number = _OF_DATABASES.get(told or "", own)
    if number == errno.ENOENT and getattr(cause, "filename", None) is None and _is_adrift():
        return EnvironmentNotReadyError(
            "The working directory was removed.",
            next_step="Change to a folder that is there (`cd`), then run again.",
            facts={"errno": "ENOENT"},
        )
    if number not in _NEXT:
        return None
    path, why = getattr(cause, "filename", None) or at or "the storage of the lake", os.strerror(number)
    kind = CatalogUnavailableError if number in _FULL else EnvironmentNotReadyError
    return kind(
        f"The disk refuses {path}: {why}.",
        next_step=f"{_NEXT[number]}, then run again: what was not committed counts as not done.",
        facts={"path": path, "errno": errno.errorcode[number]},
    )


def _is_adrift() -> bool:
    try:
        return not Path.cwd()
    except FileNotFoundError:
        return True
