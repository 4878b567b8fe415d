"""What a store of versions does; each version is a namespace of its own, and nobody changes it once it is whole."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from matinee.serving.model import Manifest, Shard


class Entry(NamedTuple):
    """A key and its value, as bytes."""

    key: bytes
    value: bytes


class Database(Protocol):
    """The entries of a version, as a server or a gate reads them; any thread may read."""

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys; None for a key that is not there.

        Raises:
            VersionGoneError: the store has lost entries since, so whether the key was there cannot be told.
            StoreUnavailableError: the store does not answer.
        """

    def scan(self, start: bytes, end: bytes | None) -> Iterator[Entry]:
        """Yield the entries from a key on, up to a key (not included; None: to the last), in the order of the keys.

        Raises: what `get` raises.
        """

    def close(self) -> None:
        """Let everything go that was opened."""


class Store(Protocol):
    """A store; values of the class are sent to the engine's tasks."""

    def write(self, version: str, number: int, entries: Iterable[Entry]) -> Shard:
        """Write a shard in a task of the engine: at least one entry, keys ascending. A second try replaces the first.

        Raises:
            StoreUnavailableError: the store does not answer.
        """

    def written(self, version: str, number: int) -> Shard | None:
        """Return a shard that a task has written whole; None where none has, or the store cannot tell."""

    def has(self, manifest: Manifest) -> bool:
        """Whether every part of a version is there, as far as the store can tell without reading the entries.

        Raises:
            StoreUnavailableError: the store does not answer.
        """

    def open(self, manifest: Manifest, folder: Path) -> Database:
        """Open a version; a folder of this machine, which is empty, may hold files for it.

        Raises:
            VersionGoneError: a part of the version is missing.
            UnreadableError: a part is damaged.
            StoreUnavailableError: the store does not answer.
        """

    def forget(self, manifest: Manifest, prefix: bytes, folder: Path) -> Manifest:
        """Remove the entries whose keys begin with a prefix; return the manifest of what is left.

        Readers of the version may see the entries until they open it again.
        """

    def tidy(self, manifest: Manifest) -> None:
        """Delete what the store holds of a version and the manifest does not name any more."""

    def delete(self, version: str) -> None:
        """Delete what the store holds of a version, whole or cut off."""
