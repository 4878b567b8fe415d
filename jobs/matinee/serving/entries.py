"""Hashes of entries: their sum does not depend on the order, so it tells that none was lost, changed or doubled."""

import hashlib
from collections.abc import Iterable, Iterator

from matinee.serving.model import Shard
from matinee.serving.stores.protocol import Entry

_MODULUS = 2**64


def entry_hash(key: bytes, value: bytes) -> int:
    """Return the hash of an entry, 64 bits; the length of the key keeps key and value apart."""
    return int.from_bytes(hashlib.blake2b(b"%d:%b%b" % (len(key), key, value), digest_size=8).digest())


def total_of(hashes: Iterable[int]) -> str:
    """Return the order-free hash of entries, 16 hexadecimal digits."""
    return f"{sum(hashes) % _MODULUS:016x}"


def added(totals: Iterable[str]) -> str:
    """Return the order-free hash of the entries of several parts."""
    return total_of(int(total, 16) for total in totals)


class Repeated(Exception):  # noqa: N818 - never leaves a task of the engine: the builder raises RepeatedKeyError
    """A key repeats the key before it."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.key = key


class Counted:
    """Entries in the order of their keys; counts and hashes what passes, and raises `Repeated` where a key repeats."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = entries
        self.keys, self._sum = 0, 0
        self.first = self.last = b""

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._entries:
            if self.keys == 0:
                self.first = entry.key
            elif entry.key == self.last:
                raise Repeated(entry.key)
            self.keys += 1
            self.last = entry.key
            self._sum += entry_hash(entry.key, entry.value)
            yield entry

    def shard(self, number: int) -> Shard:
        """Return the shard of the entries that have passed."""
        return Shard(number, self.keys, self.first.hex(), self.last.hex(), f"{self._sum % _MODULUS:016x}")
