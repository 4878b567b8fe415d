"""Who was forgotten, by the hash of the bytes that the keys begin with: for those who keep entries of their own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from matinee.serving.files import Files
from matinee.serving.model import from_json, to_json

_FILE = "forgotten.json"


@dataclass(frozen=True)
class Forgotten:
    """What was forgotten, and when: what comes later is kept."""

    digest: str
    at: datetime


@dataclass(frozen=True)
class _Register:
    entries: tuple[Forgotten, ...] = ()


def forgotten(files: Files) -> Sequence[Forgotten]:
    """Return what was forgotten of a served dataset, in the order of the calls.

    Raises:
        UnreadableError: the file is damaged.
    """
    content = files.read(_FILE)
    return from_json(_Register, content[0], _FILE).entries if content else ()


def note(files: Files, prefix: bytes, at: datetime) -> None:
    """Note that entries whose keys begin with bytes were forgotten; the caller has the lease of builds."""
    entries = (*forgotten(files), Forgotten(digest(prefix), at))
    files.write(_FILE, to_json(_Register(entries)))


def digest(prefix: bytes) -> str:
    """Return the hash by which a prefix is known."""
    return hashlib.sha256(prefix).hexdigest()
