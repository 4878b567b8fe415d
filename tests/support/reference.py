"""What the transforms must yield, in plain Python: each rule as its sentence says it, every pair looked at.

Rows are dicts by column name; times are aware datetimes. Nothing is shared with the code under test.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

Row = dict[str, Any]

BUCKETS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IMPRESSION_PAYLOAD = (
    ["event_id", "profile_id", "title_id", "row", "position", "event_ts", "device", "country", "page_id", "app_version"]
)  # fmt: skip
_PLAY_PAYLOAD = (
    ["play_id", "profile_id", "title_id", "start_ts", "duration_ms", "device", "country", "source", "app_version"]
)  # fmt: skip


def impressions(events: Iterable[Row]) -> list[Row]:
    """core.impressions of rows of raw.impressions."""
    rows = [{**event, "profile_bucket": bucket(event["profile_id"])} for event in events]
    return _winners(rows, "event_id", "event_ts", _IMPRESSION_PAYLOAD)


def plays(events: Iterable[Row]) -> list[Row]:
    """core.plays of rows of raw.plays."""
    rows = [
        {**event, "duration_ms": milliseconds(event["duration_s"]), "profile_bucket": bucket(event["profile_id"])}
        for event in events
    ]
    for row in rows:
        del row["duration_s"]
    return _winners(rows, "play_id", "start_ts", _PLAY_PAYLOAD)


def play_attributions(
    plays: Iterable[Row], impressions: Sequence[Row], window: timedelta, min_delay: timedelta
) -> list[Row]:
    """core.play_attributions of rows of core.plays and core.impressions."""
    attributed = []
    for play in plays:
        candidates = [
            shown
            for shown in impressions
            if (shown["profile_id"], shown["title_id"]) == (play["profile_id"], play["title_id"])
            and min_delay <= play["start_ts"] - shown["event_ts"] <= window
        ]
        winner = max(candidates, key=lambda shown: (shown["event_ts"], shown["event_id"].encode()), default=None)
        kept = ("play_id", "profile_id", "title_id", "start_ts", "duration_ms", "source", "profile_bucket")
        attributed.append({
            **{name: play[name] for name in kept},
            "play_day": play["event_day"],
            "event_id": winner and winner["event_id"],
            "event_ts": winner and winner["event_ts"],
            "time_to_play_ms": winner and (play["start_ts"] - winner["event_ts"]) // timedelta(milliseconds=1),
        })  # fmt: skip
    return attributed


def impression_plays(
    impressions: Iterable[Row], attributions: Sequence[Row], window: timedelta, as_of: datetime | None
) -> list[Row]:
    """core.impression_plays of rows of core.impressions and core.play_attributions."""
    outcomes = []
    for shown in impressions:
        won = [
            play
            for play in attributions
            if play["event_id"] == shown["event_id"] and play["event_ts"].date() == shown["event_day"]
        ]
        first = min((play["start_ts"] for play in won), default=None)
        mature = as_of is not None and shown["event_ts"] + window < as_of
        outcomes.append({
            **shown,
            "plays": len(won),
            "plays_without_duration": sum(play["duration_ms"] is None for play in won),
            "first_play_ts": first,
            "watch_ms": sum(play["duration_ms"] or 0 for play in won),
            "time_to_play_ms": None if first is None else (first - shown["event_ts"]) // timedelta(milliseconds=1),
            "label": "positive" if won else "negative" if mature else "pending",
            "is_mature": mature,
        })  # fmt: skip
    return outcomes


def bucket(profile_id: str) -> int:
    """The profile's bucket."""
    return int(hashlib.md5(profile_id.encode()).hexdigest()[:7], 16) % BUCKETS  # noqa: S324 - a bucket, no secret


def milliseconds(seconds: float | None) -> int | None:
    """Seconds as they are written, in whole milliseconds, half to even."""
    if seconds is None:
        return None
    return int((Decimal(repr(seconds)) * 1000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _winners(rows: Iterable[Row], identity: str, time: str, payload: Sequence[str]) -> list[Row]:
    best: dict[tuple[Any, str], tuple[tuple[Any, ...], Row]] = {}
    for row in rows:
        key = (row["event_day"], row[identity])
        order = (row["received_ts"], row[time], _payload_hash(row, payload))
        if key not in best or order < best[key][0]:
            best[key] = (order, {name: row[name] for name in row if name not in ("landing_seq", "file")})
    return [row for _, row in best.values()]


def _payload_hash(row: Row, payload: Sequence[str]) -> str:
    values = (_micros(row[name]) if isinstance(row[name], datetime) else row[name] for name in payload)
    text = ",".join("-" if value is None else f"{len(str(value))}:{value}" for value in values)
    return hashlib.sha256(text.encode()).hexdigest()


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
