"""Paths in Iceberg's manifests: rewritten in the Avro records themselves, everything else stays as it was written.

PyIceberg and Java write records that differ in their optional fields; reading and writing them through classes would
lose some fields. Here a record is walked by the schema in its file's header, and copied except for the paths.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matinee.errors import EnvironmentNotReadyError

PATHS = ("manifest_path", "file_path", "referenced_data_file")
LENGTH = "manifest_length"
_MAGIC, _SYNC = b"Obj\x01", 16
_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
Schema = Any


def rewrite(content: bytes, path: Callable[[str], str], lengths: Mapping[str, int]) -> bytes:
    """Return a manifest, or a list of manifests, with other paths.

    Args:
        content: the file.
        path: returns the new path for an old one.
        lengths: bytes of each rewritten manifest, by its new path; of a list only.

    Raises:
        EnvironmentNotReadyError: the file is compressed by another codec than Iceberg's own default.
    """
    head = _Walk(content, len(_MAGIC), path, lengths)
    start = head.at
    meta = head.header()
    codec = meta.get("avro.codec", b"null").decode()
    if codec not in ("null", "deflate"):
        raise EnvironmentNotReadyError(
            f"A manifest is compressed by '{codec}', which is not known here.",
            next_step="Rewrite the manifests in the original (`CALL system.rewrite_manifests`), then try again.",
        )
    schema = json.loads(meta["avro.schema"])
    sync, out = content[head.at : head.at + _SYNC], bytearray(_MAGIC + content[start : head.at + _SYNC])
    head.at += _SYNC
    while head.at < len(content):
        count, size = head.long(), head.long()
        block = content[head.at : head.at + size]
        head.at += size + _SYNC
        walk = _Walk(zlib.decompress(block, -15) if codec == "deflate" else block, 0, path, lengths)
        for _ in range(count):
            walk.copy(schema)
        out += _encoded(count) + _packed(bytes(walk.out), codec) + sync
    return bytes(out)


def _packed(block: bytes, codec: str) -> bytes:
    if codec == "deflate":
        packer = zlib.compressobj(wbits=-15)
        block = packer.compress(block) + packer.flush()
    return _encoded(len(block)) + block


def _encoded(value: int) -> bytes:
    zigzag, out = (value << 1) ^ (value >> 63), bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


@dataclass
class _Walk:
    """A position in Avro data, and the copy of the data up to there."""

    data: bytes
    at: int
    path: Callable[[str], str]
    lengths: Mapping[str, int]
    out: bytearray = field(default_factory=bytearray)
    named: dict[str, Schema] = field(default_factory=dict)
    last_path: str = ""

    def long(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (value >> 1) ^ -(value & 1)

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def header(self) -> dict[str, bytes]:
        """Read the header's map."""
        entries: dict[str, bytes] = {}
        while count := self.long():
            if count < 0:
                self.long()
            for _ in range(abs(count)):
                key = self.take(self.long()).decode()
                entries[key] = self.take(self.long())
        return entries

    def copy(self, schema: Schema, name: str = "") -> None:
        """Copy the value of a field; replace paths, and the lengths of the files at these paths."""
        if isinstance(schema, list):
            branch = self.long()
            self.out += _encoded(branch)
            return self.copy(schema[branch], name)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, dict | list):
            return self.copy(kind, name)
        if isinstance(schema, dict) and "name" in schema:
            self.named[schema["name"]] = schema
        if kind in self.named and kind != "record" and not isinstance(schema, dict):
            return self.copy(self.named[kind], name)
        if kind == "record":
            for member in schema["fields"]:
                self.copy(member["type"], member["name"])
        elif kind in ("array", "map"):
            self._copy_blocks(schema, kind)
        elif kind in ("string", "bytes"):
            self._copy_text(name if kind == "string" else "")
        elif kind in ("int", "long", "enum"):
            value = self.long()
            self.out += _encoded(self.lengths.get(self.last_path, value) if name == LENGTH else value)
        else:
            self.out += self.take(schema["size"] if kind == "fixed" else _SIZES[kind])
        return None

    def _copy_blocks(self, schema: Schema, kind: str) -> None:
        while count := self.long():
            if count < 0:
                self.long()  # The size of the block, which the copy leaves out.
            self.out += _encoded(abs(count))
            for _ in range(abs(count)):
                if kind == "map":
                    self._copy_text("")
                self.copy(schema["items" if kind == "array" else "values"])
        self.out += _encoded(0)

    def _copy_text(self, name: str) -> None:
        text = self.take(self.long())
        if name in PATHS:
            self.last_path = self.path(text.decode())
            text = self.last_path.encode()
        self.out += _encoded(len(text)) + text
