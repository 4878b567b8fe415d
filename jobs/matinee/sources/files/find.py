"""Where landing files are, and which dataset each is for."""

import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from matinee.contracts.model import MANIFEST
from matinee.contracts.registry import Registry
from matinee.errors import LandingRefusedError, UsageError
from matinee.settings import Settings
from matinee.sources.files.scan import cause_of, filesystem, identity, is_local, reaching, refused
from matinee.sources.found import Found
from matinee.validity.manifests import MANIFESTS

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

#: A part of a path that is no pattern: `[*]` is an asterisk.
_PLAIN = re.compile(r"([^*?[]|\[[*?[]\])*")


def landable(registry: Registry) -> dict[str, str]:
    """Return the datasets that files are landed for, by the word that their files' names start with."""
    return registry.words() | {MANIFEST: MANIFESTS}


def in_order(named: Mapping[str, str], files: list[Found]) -> list[Found]:
    """Return the files that were found at some paths, each once, in the order of `named`, then as they were found."""
    order = list(named.values())
    # A file that several paths lead to is returned once; if one of the paths names it, it counts as named.
    unique = {(file.file, file.dataset): file for file in sorted(files, key=lambda file: file.is_named)}
    places = {(file.file, file.dataset): place for place, file in reversed([*enumerate(files)])}
    return sorted(unique.values(), key=lambda file: (order.index(file.dataset), places[file.file, file.dataset]))


def find_at(settings: Settings, named: Mapping[str, str], dataset: str | None, path: str) -> list[Found]:
    """Return the files of a path, a directory or a glob, by name.

    A file whose name starts with a word of `named` (word -> dataset) is that dataset's. With a dataset given, single
    files and globs are taken as they are; of a directory, the files that start with the dataset's word, or if none
    does, the files that start with no word. Hidden files (`.` or `_` first) are skipped.

    Raises:
        UsageError: no file is there, or the dataset of a file that was named cannot be told from its name.
        LandingRefusedError: the path cannot be listed.
        LandingUnreachableError: its storage does not answer now.
    """
    files, is_named = filesystem(settings, path), False
    with reaching(path, unlisted):
        if files.isdir(path):
            names = sorted(filter(_is_visible, files.ls(path, detail=False)))
            chosen = _of_directory(named, dataset, names, {name for name in names if files.isdir(name)})
        else:
            is_named = bool(files.exists(path))
            names = [path] if is_named else sorted(filter(_is_visible, files.glob(path)))
            chosen = [(name, dataset or owner_of(named, name)) for name in names]
    if not chosen:
        raise UsageError(
            f"There is no file to land at {path}{f' for {dataset}' if dataset else ''}.",
            next_step="Name a file, a directory or a quoted glob; file names start with " + ", ".join(named) + ".",
            facts={"path": path},
        )
    addresses = [(_address(files, name), _known(owner, name)) for name, owner in chosen]
    with reaching(path, unlisted):
        return [Found(name, owner, is_named, seen(files, name)) for name, owner in addresses]


def has_files(settings: Settings, pattern: str) -> bool:
    """Whether a path or glob leads to anything.

    Raises:
        LandingRefusedError: its folder before any wildcard (of an object store: the bucket) is not there or listable.
    """
    files, parts = filesystem(settings, pattern), pattern.split("/")
    folder = "/".join(takewhile(_PLAIN.fullmatch, parts[:-1]) if is_local(pattern) else parts[:3]) or "."
    with reaching(pattern, unlisted):
        if files.exists(pattern) or files.glob(pattern):
            return True
        is_there = bool(files.glob(folder)) or files.exists(folder)
    if not is_there:
        raise refused(folder, "it is not there", "Make it, or set MATINEE_LANDING_DIR to where producers put files.")
    return False


def unlisted(path: str, error: Exception) -> LandingRefusedError:
    """Return the error that a path cannot be listed."""
    return refused(path, f"it cannot be listed ({cause_of(error)})", "Check its rights and its disk.")


def seen(files: "AbstractFileSystem", name: str) -> str:
    """Return the identity of a file as it is found; empty where it cannot be told."""
    try:
        return identity(files, name)
    except OSError:  # The read that follows reports the error.
        return ""


def _of_directory(
    named: Mapping[str, str], dataset: str | None, names: list[str], folders: set[str]
) -> list[tuple[str, str | None]]:
    owned = [(name, owner_of(named, name)) for name in names]
    own = [pair for pair in owned if pair[1] is not None and pair[1] == (dataset or pair[1])]
    # A folder that bears a word of a dataset is refused when it is scanned: files in it would be missed in silence.
    if dataset is None or any(name not in folders for name, _ in own):
        return own
    return own + [(name, dataset) for name, owner in owned if owner is None and name not in folders]


def owner_of(named: Mapping[str, str], name: str) -> str | None:
    """Return the dataset of `named` whose word a file's name starts with."""
    return next((dataset for word, dataset in named.items() if Path(name).name.startswith(word)), None)


def _known(owner: str | None, name: str) -> str:
    if owner is None:
        raise UsageError(
            f"{name} does not say which dataset it is for.",
            next_step="Name the dataset: `matinee ingest DATASET --from …`.",
            facts={"file": name},
        )
    return owner


def _is_visible(name: str) -> bool:
    # Spark skips such files, too: they are markers, or still being written.
    return not Path(name).name.startswith((".", "_"))


def _address(files: "AbstractFileSystem", name: str) -> str:
    return str(files.unstrip_protocol(name)).removeprefix("file://")
