"""Impressions as producers send them, and deltas that read them."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from matinee.contracts.registry import Registry
from matinee.days import micros_of
from matinee.serving.delta.store import Delta
from matinee.serving.impressions import Event, Reader
from matinee.settings import CHECKOUT

FIRST = date(2026, 3, 2)
START = datetime(2026, 3, 2, tzinfo=UTC)
AT = START + timedelta(days=3)
READER = Reader.of(Registry.load(CHECKOUT / "sql"), 1 << 20)
Row = dict[str, object]


def sent(event_id: str = "e1", minutes: float = 60, **values: object) -> Row:
    """A row of raw.impressions; it was received a minute after it happened."""
    when = START + timedelta(minutes=minutes)
    row: Row = {"event_id": event_id, "profile_id": "a", "title_id": "t1", "row": 2, "position": 1}
    row |= {"event_ts": when, "device": None, "country": "DE", "page_id": None, "app_version": "1"}
    return row | {"received_ts": when + timedelta(minutes=1), "event_day": when.date()} | values


def payload(row: Row) -> str:
    """The record that tells a row."""
    told = {name: each.isoformat() if isinstance(each, datetime) else each for name, each in row.items()}
    return json.dumps({name: each for name, each in told.items() if name != "event_day"})


def read(row: Row, landed: datetime = AT) -> Event | str:
    """The event of the record that tells a row."""
    return READER.read(payload(row).encode(), micros_of(landed))


def main(folder: str, act: str) -> None:
    """Add two records to a delta, or trim its first day, in a process of its own, which a test may kill."""
    delta = Delta(Path(folder), FIRST)
    if act == "trim":
        delta.trim(FIRST + timedelta(days=1))
    else:
        offsets = {0: delta.state.offsets.get(0, 0) + 2}
        delta.apply([read(sent("e1")), read(sent("e2", 24 * 60))], delta.state.reached(offsets, {}))
    delta.close()


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
