"""What tiles and bases must hold, in plain Python: brute force over impressions. Nothing is shared with the code."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Any

from tests.support.reference import bucket

Row = dict[str, Any]
DAY = timedelta(days=1)
HALF_LIVES = (1, 7, 30, 182, 365)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MASK = 2**64 - 1
_P1, _P2, _P3, _P4, _P5 = (
    *(0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9),
    *(0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5),
)


def location(row: int, position: int) -> str:
    """The band of a place on the page."""
    if row == position == 1:
        return "billboard"
    return "top" if row <= 3 else "middle" if row <= 7 else "bottom"


def impression_daily(outcomes: Iterable[Row]) -> list[Row]:
    """features.impression_daily of rows of core.impression_plays."""
    groups = defaultdict[tuple[Any, ...], list[Row]](list)
    for row in outcomes:
        groups[row["event_day"], row["profile_id"], row["title_id"], location(row["row"], row["position"])].append(row)
    return [
        _totals(rows, midnight(day), "w") | {"event_day": day, "profile_id": profile, "title_id": title, "location": at}
        for (day, profile, title, at), rows in groups.items()
    ]


def impression_ema(outcomes: Iterable[Row], as_of_day: date) -> list[Row]:
    """features.impression_ema of rows of core.impression_plays: those of the 365 days that end with a day."""
    groups = defaultdict[tuple[str, str, str], list[Row]](list)
    for row in outcomes:
        if as_of_day - 364 * DAY <= row["event_day"] <= as_of_day:
            groups[row["profile_id"], row["title_id"], location(row["row"], row["position"])].append(row)
    return [
        _totals(rows, midnight(as_of_day), "ema")
        | {"as_of_day": as_of_day, "profile_id": profile, "title_id": title, "location": at}
        for (profile, title, at), rows in groups.items()
    ]


def midnight(day: date) -> datetime:
    """The first instant after a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY


def _totals(rows: list[Row], end: datetime, prefix: str) -> Row:
    in_order = sorted(rows, key=lambda row: (row["event_ts"], row["event_id"].encode()))
    sums = {
        f"{prefix}_{days}d": sum(2.0 ** -((end - row["event_ts"]) / (days * DAY)) for row in in_order)
        for days in HALF_LIVES
    }
    return sums | {
        "profile_bucket": bucket(rows[0]["profile_id"]),
        "impressions": len(rows),
        "plays": sum(row["plays"] for row in rows),
        "watch_ms": sum(row["watch_ms"] for row in rows),
        "last_seen_ts": max(row["event_ts"] for row in rows),
        "rows_hash": reduce(xor, (event_hash(row["event_id"], row["event_ts"]) for row in rows)),
    }


def event_hash(event_id: str, event_ts: datetime) -> int:
    """xxhash64(event_id, event_ts), as SQL has it: each value is hashed with the hash of the value before as seed."""
    micros = (event_ts - _EPOCH) // timedelta(microseconds=1)
    hashed = _xxhash64((micros & _MASK).to_bytes(8, "little"), _xxhash64(event_id.encode(), 42))
    return hashed - 2**64 if hashed >> 63 else hashed


def _xxhash64(data: bytes, seed: int) -> int:
    """XXH64 of short texts: less than 32 bytes."""
    assert len(data) < 32
    hashed = (seed + _P5 + len(data)) & _MASK
    while len(data) >= 8:
        hashed ^= _rotated(int.from_bytes(data[:8], "little") * _P2, 31) * _P1 & _MASK
        hashed, data = (_rotated(hashed, 27) * _P1 + _P4) & _MASK, data[8:]
    if len(data) >= 4:
        hashed ^= int.from_bytes(data[:4], "little") * _P1 & _MASK
        hashed, data = (_rotated(hashed, 23) * _P2 + _P3) & _MASK, data[4:]
    for byte in data:
        hashed = _rotated(hashed ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    hashed = (hashed ^ hashed >> 33) * _P2 & _MASK
    hashed = (hashed ^ hashed >> 29) * _P3 & _MASK
    return hashed ^ hashed >> 32


def _rotated(value: int, bits: int) -> int:
    value &= _MASK
    return (value << bits | value >> (64 - bits)) & _MASK
