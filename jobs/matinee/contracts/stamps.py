"""Stamps: the order-free hash of the rows of each cell of a published day, and the comparison of two stamps.

The audits' scan of a day computes the stamps, so no row is read again. A day that an earlier version published has no
stamps, and gets none when it is healed: such days count as unchanged.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

#: By profile bucket (None: the dataset has none) the stamp of its rows, 16 hexadecimal digits; empty: not known.
Stamps = Mapping[int | None, str]
EMPTY = "0" * 16


def stamp_of(total: int | None) -> str:
    """Return the stamp of a cell from the sum of its rows' hashes; None is the sum of no rows."""
    return f"{(total or 0) % 2**64:016x}"


def day_stamp(stamps: Stamps) -> str | None:
    """Return one stamp for all cells of a day, 16 hexadecimal digits; None where they are not known."""
    return hashlib.sha256(to_text(stamps).encode()).hexdigest()[:16] if stamps else None


def merged(before: Stamps, healed: Stamps) -> Stamps:
    """Return the stamps of a day of which some cells were healed; the stamps of a day without any stay unknown."""
    return {**before, **healed} if before else {}


def changed(before: Stamps, after: Stamps, buckets: Iterable[int]) -> tuple[int, ...]:
    """Return the buckets whose rows have changed; a bucket without a stamp counts as changed."""
    return tuple(bucket for bucket in buckets if bucket not in before or before[bucket] != after.get(bucket))


def to_text(stamps: Stamps) -> str:
    """Return stamps as JSON with sorted keys; the one cell of a day without buckets has an empty key."""
    named = {"" if bucket is None else str(bucket): stamp for bucket, stamp in stamps.items()}
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


def from_text(text: str | None) -> Stamps:
    """Read what `to_text` wrote; nothing where an earlier version wrote the record."""
    named = json.loads(text) if text else {}
    return {int(bucket) if bucket else None: stamp for bucket, stamp in named.items()}
