"""Kafka's protocol as bytes: requests that are sent, and answers that are read field by field.

Versions of a request from a certain one on are compact: lengths are in groups of seven bits, and tags follow.
"""

import socket
import struct
from collections.abc import Iterable
from io import BytesIO
from types import TracebackType
from typing import Self

TIMEOUT_S = 10.0
_CLIENT = b"matinee"


class Answer:
    """The bytes of an answer, read field by field."""

    def __init__(self, content: bytes) -> None:
        self._left = BytesIO(content)

    def fixed(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: the answer is cut off.
        """
        content = self._left.read(size)
        if len(content) != size:
            raise ValueError("the answer is cut off")
        return content

    def int8(self) -> int:
        """Return a number of one byte."""
        return int.from_bytes(self.fixed(1), "big", signed=True)

    def int16(self) -> int:
        """Return a number of two bytes."""
        return int.from_bytes(self.fixed(2), "big", signed=True)

    def int32(self) -> int:
        """Return a number of four bytes."""
        return int.from_bytes(self.fixed(4), "big", signed=True)

    def int64(self) -> int:
        """Return a number of eight bytes."""
        return int.from_bytes(self.fixed(8), "big", signed=True)

    def number(self) -> int:
        """Return a number in groups of seven bits, the lowest first."""
        value = shift = 0
        while True:
            byte = self.fixed(1)[0]
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    def signed(self) -> int:
        """Return a number in groups of seven bits whose lowest bit is its sign."""
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def text(self) -> str:
        """Return a text of the compact form."""
        return self.fixed(max(self.number() - 1, 0)).decode()

    def name(self) -> str:
        """Return a text of the form that is not compact."""
        return self.fixed(max(self.int16(), 0)).decode()

    def tags(self) -> None:
        """Pass over tags."""
        for _ in range(self.number()):
            self.number()
            self.fixed(self.number())

    def items(self) -> range:
        """Return the places of an array of the compact form."""
        return range(self.number() - 1)

    def array(self) -> range:
        """Return the places of an array of the form that is not compact."""
        return range(self.int32())


class Connection:
    """A connection to a broker; one thread may use it."""

    def __init__(self, host: str, port: int) -> None:
        """Connect.

        Raises:
            OSError: nothing listens there in time.
        """
        self._socket = socket.create_connection((host, port), TIMEOUT_S)
        self._stream = self._socket.makefile("rb")
        self._number = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connection."""
        self.close()

    def ask(self, key: int, version: int, body: bytes, *, compact: bool = False) -> Answer:
        """Send a request and return the answer, from behind its header on.

        Raises:
            OSError: the broker does not answer in time.
            ValueError: the answer is cut off, or none to this request.
        """
        self._number += 1
        header = struct.pack(">hhih", key, version, self._number, len(_CLIENT)) + _CLIENT + (b"\0" if compact else b"")
        self._socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        size = int.from_bytes(self._read(4), "big")
        answer = Answer(self._read(size))
        if answer.int32() != self._number:
            raise ValueError("the answer is none to the request")
        if compact:
            answer.tags()
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def _read(self, size: int) -> bytes:
        content = self._stream.read(size)
        if len(content) != size:
            raise ValueError("the broker closed the connection")
        return content


def text(value: str) -> bytes:
    """Return a text in the compact form."""
    return number(len(value.encode()) + 1) + value.encode()


def name(value: str) -> bytes:
    """Return a text in the form that is not compact."""
    return struct.pack(">h", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    return (bytes([value & 127 | 128]) + number(value >> 7)) if value > 127 else bytes([value])


def array(items: Iterable[bytes]) -> bytes:
    """Return an array in the form that is not compact."""
    held = list(items)
    return struct.pack(">i", len(held)) + b"".join(held)
