"""Side files: content that was derived from tables, kept beside them so that it need not be derived again.

They lie below `<warehouse>/ops/_derived`, belong to no table and may be deleted at any time. A reader that
cannot read a side file derives its content again; a writer that cannot write it goes on without it.
"""

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matinee.private import FOLDER, write_private
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from pyiceberg.io import FileIO

log = logging.getLogger(__name__)
_DIGEST = hashlib.sha256().digest_size


def read(lake: Lake, name: str) -> bytes | None:
    """Return the content of a side file; None where no whole side file can be read."""
    path = _path(lake, name)
    try:
        if (local := _local(path)) is not None:
            signed = local.read_bytes()
        else:
            with _io(lake, path).new_input(path).open() as stream:
                signed = stream.read()
    except OSError as error:
        log.debug("%s is not read: %s", path, error)
        return None
    content = signed[:-_DIGEST]
    return content if hashlib.sha256(content).digest() == signed[-_DIGEST:] else None


def write(lake: Lake, name: str, content: bytes) -> None:
    """Write a side file, whole or not at all, in place of an earlier file; where writing fails, go on without it."""
    path, signed = _path(lake, name), content + hashlib.sha256(content).digest()
    try:
        if (local := _local(path)) is not None:
            local.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
            write_private(local, signed)
        else:
            with _io(lake, path).new_output(path).create(overwrite=True) as stream:
                stream.write(signed)
    except OSError as error:
        log.debug("%s is not kept: %s", path, error)


def _path(lake: Lake, name: str) -> str:
    return f"{lake.settings.warehouse_uri}/ops/_derived/{name}"


def _local(path: str) -> Path | None:
    # Not by the parts of the URI: a folder may have `#` or `?` in its name.
    return Path(path.removeprefix("file://")) if urlsplit(path).scheme in ("", "file") else None


def _io(lake: Lake, path: str) -> "FileIO":
    from pyiceberg.io import load_file_io

    return load_file_io(properties=lake.catalog.properties, location=path)
