"""Folders and files that only their owner can enter and read, whatever the umask of the process is."""

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO

FOLDER, FILE = 0o700, 0o600


def private_folder(folder: Path) -> Path:
    """Make a folder, and each folder above it, where it is missing; return the folder."""
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            each.mkdir(mode=FOLDER, exist_ok=True)  # Another process may make it now.
    return folder


def open_private(file: Path) -> IO[bytes]:
    """Open a new file for writing, in place of an earlier file, which others may be able to read."""
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE), "wb")


def write_private(file: Path, content: str | bytes) -> None:
    """Write a file, whole or not at all, in place of an earlier file."""
    waiting = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with open_private(waiting) as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        waiting.replace(file)
    except OSError:
        with suppress(OSError):
            waiting.unlink()
        raise
