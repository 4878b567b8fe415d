"""Versions of moving averages for tests, written by the store without a table, and the same sums by brute force."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from matinee.serving.activation import activate
from matinee.serving.channel import Connection
from matinee.serving.entries import added
from matinee.serving.impressions import BASE, KEY
from matinee.serving.model import Gate, Manifest, Plan, ServedDay, Source
from matinee.serving.server.service import Service
from matinee.serving.settings import ServingSettings, token_of
from matinee.serving.stores.protocol import Entry
from matinee.serving.stores.rocksdb import RocksDb
from matinee.serving.values import Field
from matinee.serving.versions import GATE, MANIFEST, PLAN, Versions
from matinee.settings import Settings

T = date(2026, 3, 1)
END = datetime(2026, 3, 2, tzinfo=UTC)
HALF_LIVES = {"1d": 1, "7d": 7, "30d": 30, "182d": 182, "365d": 365}
_COLUMNS = [("impressions", "long"), ("plays", "long"), ("watch_ms", "long"), ("last_seen_ts", "timestamptz")]
FIELDS = tuple(
    Field(number, name, kind, True)
    for number, (name, kind) in enumerate([*_COLUMNS, *((f"ema_{name}", "double") for name in HALF_LIVES)], 4)
)


class Shown(NamedTuple):
    """An impression."""

    profile: str
    title: str
    when: datetime
    location: str = "top"
    plays: int = 0
    watch_ms: int = 0


def averages(shown: Iterable[Shown], at: datetime) -> dict[str, float]:
    """The sums of 2^(-(at - event_ts) / half-life), as the sentence says it."""
    ages = [(at - each.when) / timedelta(days=1) for each in shown]
    return {name: sum(2.0 ** -(age / length) for age in ages) for name, length in HALF_LIVES.items()}


def write_version(settings: Settings, shown: Sequence[Shown], as_of: date = T, name: str = "") -> Manifest:
    """Write a version whose base has impressions, and let it pass its gate."""
    versions = Versions.of(settings, BASE)
    version = name or f"{as_of:%Y%m%d}_0123456789"
    days = {as_of: ServedDay("publication", 1, None)}
    source = Source(BASE, as_of, as_of, 7, 0, days, datetime(2026, 3, 2, tzinfo=UTC), "1.0.0")
    plan = Plan(version, source, "rocksdb", KEY, FIELDS, ())
    groups: dict[tuple[str, str, str], list[Shown]] = {}
    for each in shown:
        groups.setdefault((each.profile, each.title, each.location), []).append(each)
    end = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)
    entries = sorted(Entry(KEY.encode(key), _value(plan, group, end)) for key, group in groups.items())
    shards = (RocksDb(versions.files).write(version, 0, entries),) if entries else ()
    manifest = Manifest(plan, shards, len(entries), added(shard.total for shard in shards), END, "0")
    versions.put(version, PLAN, plan)
    versions.put(version, MANIFEST, manifest)
    versions.put(version, GATE, Gate(()))
    return manifest


def activate_version(settings: Settings, shown: Sequence[Shown], as_of: date = T, name: str = "") -> Manifest:
    """Write a version and make it the active version."""
    manifest = write_version(settings, shown, as_of, name)
    activate(Versions.of(settings, BASE), manifest.version, "me")
    return manifest


def _value(plan: Plan, shown: list[Shown], end: datetime) -> bytes:
    told: Any = plan.value.message(
        impressions=len(shown),
        plays=sum(each.plays for each in shown),
        watch_ms=sum(each.watch_ms for each in shown),
        **{f"ema_{name}": value for name, value in averages(shown, end).items()},
    )
    told.last_seen_ts.FromDatetime(max(each.when for each in shown))
    content: bytes = told.SerializeToString()
    return content


def connection(settings: Settings, service: Service, timeout_s: float = 5.0) -> Connection:
    return Connection(service.address, token_of(settings, ServingSettings()) or "", timeout_s)
