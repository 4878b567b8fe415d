"""Lakes whose tiles are published without an engine, from literal impressions; many days in one publication."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from matinee.contracts.stamps import EMPTY, Stamps
from matinee.days import day_range
from matinee.ledger.ledger import record
from matinee.ledger.model import Publication, Run, State
from matinee.ledger.recovery import recover
from matinee.publication.move import drop_branches, move_to_main
from matinee.report import Rows
from matinee.settings import load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from tests.support.features import impression_daily
from tests.support.lakes import PLANNED, overwrite

Row = dict[str, Any]
TILES, BASES = "features.impression_daily", "features.impression_ema"


def tile_lake(home: Path, begin: date) -> Lake:
    """An empty embedded lake that begins with a day; its engine is Sail."""
    settings = load_settings(home=home, catalog="embedded", engine="sail", spark_remote=None, valid_from=begin)
    return Lake.open(settings)


def outcome(event_id: str, when: datetime, **values: object) -> Row:
    """A row of core.impression_plays, as far as tiles read it."""
    row: Row = {"event_id": event_id, "profile_id": "a", "title_id": "t", "row": 1, "position": 2, "event_ts": when}
    return row | {"event_day": when.date(), "plays": 0, "watch_ms": 0} | values


def noon(day: date) -> datetime:
    """The noon of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def publish_tiles(
    lake: Lake, first: date, last: date, outcomes: Iterable[Row], generation: int = 1, bucket: int | None = None
) -> None:
    """Publish the tiles of a range of days in one commit, those of days without impressions, too.

    With a bucket the publication is a heal of one day, which changes rows of this bucket alone.
    """
    rows = [tile for tile in impression_daily(outcomes) if first <= tile["event_day"] <= last]
    buckets = None if bucket is None else (bucket,)
    table = lake.ensure(TILES)
    identity, base = f"features_impression_daily_{first:%Y%m%d}_{uuid.uuid4().hex[:8]}", refs.head(table)
    run = Run(identity, TILES, str(first), first, last, base, (), "1.0.0", "test", PLANNED, buckets=buckets)
    table = refs.create_branch(table, run.branch, base)
    overwrite(table, run, [row for row in rows if bucket in (None, row["profile_bucket"])], "event_day")
    audited = refs.head(table.refresh(), run.branch)
    prepared = Publication(run, first, State.PREPARED, generation, PLANNED, audited, changed=buckets)
    by_day = defaultdict[date, list[Row]](list)
    for row in rows:
        by_day[row["event_day"]].append(row)
    record(
        lake,
        [
            replace(prepared, day=day, rows=Rows.model_validate({"out": len(by_day[day])}), stamps=_stamps(by_day[day]))
            for day in day_range(first, last)
        ],
    )
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(TILES), run)
    recover(lake, TILES)


def _stamps(rows: list[Row]) -> Stamps:
    stamps: dict[int | None, str] = dict.fromkeys(range(8), EMPTY)
    for bucket in {row["profile_bucket"] for row in rows}:
        same = sorted(repr(sorted(row.items())) for row in rows if row["profile_bucket"] == bucket)
        stamps[bucket] = f"{crc32(''.join(same).encode()):016x}"
    return stamps
