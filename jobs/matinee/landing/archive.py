"""The archive of landed files: the files are moved to a folder, and no file there is overwritten."""

import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from matinee.errors import NotArchivedError, NotLandedError
from matinee.landing.model import Landing
from matinee.settings import Settings
from matinee.sources.files.scan import filesystem, identity, is_local, scan

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


def archive(settings: Settings, file: str, landing: Landing, folder: str) -> str:
    """Move a landed file into a folder, under its own name; what a killed call has copied there is not copied again.

    Args:
        settings: which lake the file was landed in.
        file: its path or URI.
        landing: of its content.
        folder: a path or URI; it is made where it is missing.

    Returns:
        A note: where the file is now, or that it was changed or moved away meanwhile.

    Raises:
        NotArchivedError: the file lies in that folder, or another file of its name does; or the folder or the file's
            own cannot be written.
    """
    if _is_in(file, folder):  # The file would count as archived, and the only copy would be removed.
        raise _not_archived(file, f"{folder} is where it lies", "Archive to another folder")
    files = filesystem(settings, folder)
    target = f"{folder.rstrip('/')}/{PurePosixPath(file).name}"
    source, is_ours = filesystem(settings, file), False
    try:
        before = identity(source, file)
        files.makedirs(folder, exist_ok=True)
        was_there = files.exists(target)
        if was_there and scan(settings, target).sha256 != landing.sha256:
            raise _not_archived(file, f"{target} is there already", "Archive to another folder, or move that one")
        if not was_there:
            with source.open(file, "rb") as content, files.open(target, "xb") as copy:
                is_ours = True
                if is_local(file) and is_local(target):
                    # Who could not read the file cannot read the copy, whatever the umask is.
                    os.fchmod(copy.fileno(), stat.S_IMODE(os.fstat(content.fileno()).st_mode))
                shutil.copyfileobj(content, copy)
        # Only landed content is removed: the file may have been replaced since, and the copy shows what was read.
        read = file if was_there else target
        if scan(settings, read).sha256 == landing.sha256 and identity(source, file) == before:
            source.rm_file(file)
            return f"moved to {target}"
        if is_ours:
            files.rm_file(target)
    except FileNotFoundError:  # Another process archives the same folder.
        return "was moved away since it was landed"
    except (OSError, NotLandedError) as error:
        # S3 reports only at the end of writing that another process has put a file there.
        if is_ours and not isinstance(error, FileExistsError):
            _remove(files, target)
        raise _not_archived(file, str(error), f"Make {folder} a folder that can be written") from error
    return "stays where it is: it was written to since it was landed"


def _is_in(file: str, folder: str) -> bool:
    """Whether a file lies in a folder, whatever links lead to the folder."""
    if is_local(file) and is_local(folder):
        return Path(file.removeprefix("file://")).parent.resolve() == Path(folder.removeprefix("file://")).resolve()
    return file.rpartition("/")[0] == folder.rstrip("/")


def _not_archived(file: str, why: str, next_step: str) -> NotArchivedError:
    return NotArchivedError(
        f"{file} is landed and stays where it is: {why}.",
        next_step=f"{next_step}, then ingest again: nothing is landed twice.",
        facts={"file": file},
    )


def _remove(files: "AbstractFileSystem", target: str) -> None:
    """Remove a copy that was begun, where there is one."""
    if files.exists(target):
        files.rm_file(target)
