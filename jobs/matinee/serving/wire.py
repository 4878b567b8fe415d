"""Protobuf's wire format, a column at a time: what protobuf's own library writes row by row, many times as slowly."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

#: The wire types.
VARINT, DOUBLE, BYTES = 0, 1, 2
#: The most bytes of a number, and the bits in each of them.
_LONGEST, _BITS = 10, 7


def varints(column: "pa.Array") -> "pa.BinaryArray":
    """Return the bytes of whole numbers of 64 bits; NULL stays NULL."""
    import pyarrow as pa

    numbers = column.fill_null(0).to_numpy().astype(np.int64).view(np.uint64)
    lengths = np.ones(len(numbers), np.int64)
    for place in range(1, _LONGEST):
        lengths += numbers >= np.uint64(1 << (_BITS * place))
    ends = np.cumsum(lengths)
    content = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    for place in range(int(lengths.max(initial=0))):
        longer = lengths > place
        part = (numbers[longer] >> np.uint64(_BITS * place)).astype(np.uint8) & np.uint8(0x7F)
        content[(ends - lengths)[longer] + place] = part | ((lengths[longer] > place + 1).astype(np.uint8) << 7)
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    valid = column.is_valid().buffers()[1] if column.null_count else None
    return pa.BinaryArray.from_buffers(pa.binary(), len(column), [valid, pa.py_buffer(offsets), pa.py_buffer(content)])


def tagged(number: int, wire_type: int, column: "pa.Array") -> "pa.BinaryArray":
    """Return the contents of a field with its tag before each; nothing where there is a NULL."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(_tag(number, wire_type), column, b"").fill_null(b"")


def delimited(number: int, column: "pa.Array") -> "pa.BinaryArray":
    """Return the contents of a field of bytes with its tag and their length before each; nothing for a NULL."""
    import pyarrow.compute as pc

    return tagged(number, BYTES, pc.binary_join_element_wise(varints(pc.binary_length(column)), column, b""))


def joined(parts: Sequence["pa.Array"], rows: int) -> "pa.BinaryArray":
    """Return the parts of each row one after another; none is NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*parts, b"") if parts else pa.array([b""] * rows, pa.binary())


def repeated(lists: "pa.Array", items: "pa.BinaryArray") -> "pa.BinaryArray":
    """Return the items of each list one after another.

    Args:
        lists: the column of lists.
        items: the bytes of the items of all lists that are not NULL, in order; none is NULL.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = pc.list_value_length(lists).fill_null(0).to_numpy()
    ends = np.concatenate(([0], np.cumsum(pc.binary_length(items).to_numpy())))
    offsets = ends[np.concatenate(([0], np.cumsum(counts)))].astype(np.int32)
    content = pa.py_buffer(b"".join(items.to_pylist()))
    return pa.BinaryArray.from_buffers(pa.binary(), len(lists), [None, pa.py_buffer(offsets), content])


def _tag(number: int, wire_type: int) -> bytes:
    import pyarrow as pa

    tag: bytes = varints(pa.array([number << 3 | wire_type], pa.int64()))[0].as_py()
    return tag
