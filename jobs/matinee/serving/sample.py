"""A sample of the entries of a version: the same keys are in the samples of all versions that have them."""

import zlib
from dataclasses import dataclass, field

#: So many keys are sampled, or up to twice as many; of a version with fewer keys all.
SAMPLED = 10_000
_EVERY = b"every"


@dataclass
class Sample:
    """The entries whose key's checksum is divided by `every`, a power of two."""

    every: int
    entries: dict[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def begin(cls, keys: int) -> "Sample":
        """Return an empty sample for a version of so many keys."""
        return cls(1 << max(0, (keys // SAMPLED).bit_length() - 1))

    @staticmethod
    def common(first: "Sample", second: "Sample") -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the entries of two samples that both would have, had both versions these keys."""
        every = max(first.every, second.every)
        kept = [
            {key: value for key, value in sample.entries.items() if zlib.crc32(key) % every == 0}
            for sample in (first, second)
        ]
        return kept[0], kept[1]

    def to_bytes(self) -> bytes:
        """Return the sample as an Arrow file."""
        import pyarrow as pa

        columns = {
            "key": pa.array(self.entries.keys(), pa.binary()),
            "value": pa.array(self.entries.values(), pa.binary()),
        }
        table = pa.table(columns).replace_schema_metadata({_EVERY: str(self.every)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
            file.write_table(table)
        return bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, content: bytes) -> "Sample":
        """Read what `to_bytes` wrote."""
        import pyarrow as pa

        table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
        entries = zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True)
        return cls(int(table.schema.metadata[_EVERY]), dict(entries))
