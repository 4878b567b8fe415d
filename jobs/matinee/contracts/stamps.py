"""Stamps: the order-free hash of the rows of each cell of a published day, and what two of them say of its rows.

The audits' scan of a day computes them, so no row is read again. Of what an earlier version published, or healed in a
day that an earlier version had published, no stamp is known: that counts as unchanged.
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
    """Return the stamps of a day of which some cells were derived anew; of a day without stamps they stay unknown."""
    return {**before, **healed} if before else {}


def changed(before: Stamps, after: Stamps, buckets: Iterable[int]) -> tuple[int, ...]:
    """Return those of the buckets whose rows are not what they were; a bucket without a stamp counts as changed."""
    return tuple(one for one in buckets if one not in before or before[one] != after.get(one))


def to_text(stamps: Stamps) -> str:
    """Return stamps as JSON with sorted keys; the one cell of a day without buckets has an empty key."""
    named = {"" if bucket is None else str(bucket): stamp for bucket, stamp in stamps.items()}
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


def from_text(text: str | None) -> Stamps:
    """Read what `to_text` wrote; nothing where an earlier version wrote the record."""
    found = json.loads(text) if text else {}
    return {int(bucket) if bucket else None: stamp for bucket, stamp in found.items()}
