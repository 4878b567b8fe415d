"""Literal rows for the transforms' tests, and one call that runs a dataset's transform on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.frames import REGISTRY, frame

from matinee.contracts.frames import expected_frame
from matinee.settings import Engine
from matinee.transforms import TransformContext, transform_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Row = dict[str, Any]
D0, D1, D2 = date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)
US = timedelta(microseconds=1)
DAY = timedelta(days=1)


def at(clock: str, day: date = D1) -> datetime:
    """An instant of a day: at("23:59:59.999999")."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


NOON = at("12:00")


def landed_impression(event_id: str = "e1", when: datetime = NOON, **values: object) -> Row:
    """A row of raw.impressions."""
    row: Row = dict.fromkeys(("device", "country", "page_id", "app_version"))
    row |= {"event_id": event_id, "profile_id": "a", "title_id": "t", "row": 1, "position": 1, "event_ts": when}
    return row | {"received_ts": when, "event_day": when.date(), "landing_seq": 1, "file": "f"} | values


def landed_play(play_id: str = "p1", when: datetime = NOON, **values: object) -> Row:
    """A row of raw.plays."""
    row: Row = dict.fromkeys(("duration_s", "device", "country", "source", "app_version"))
    row |= {"play_id": play_id, "profile_id": "a", "title_id": "t", "start_ts": when}
    return row | {"received_ts": when, "event_day": when.date(), "landing_seq": 1, "file": "f"} | values


def shown(event_id: str = "e1", when: datetime = NOON, **values: object) -> Row:
    """A row of core.impressions."""
    return {**landed_impression(event_id, when), "profile_bucket": 0, **values}


def played(play_id: str = "p1", when: datetime = NOON, **values: object) -> Row:
    """A row of core.plays."""
    return {**landed_play(play_id, when), "duration_ms": None, "profile_bucket": 0, **values}


def won(play_id: str, event_id: str | None, event_ts: datetime | None, start_ts: datetime, **values: object) -> Row:
    """A row of core.play_attributions."""
    row: Row = {"play_id": play_id, "profile_id": "a", "title_id": "t", "start_ts": start_ts, "duration_ms": None}
    row |= {"source": None, "play_day": start_ts.date(), "profile_bucket": 0, "event_id": event_id}
    return row | {"event_ts": event_ts, **values}


@dataclass(frozen=True)
class Derivation:
    """A dataset to derive: its days, parameters other than the contract's, partitions of the inputs, and the engine.

    `previous` is the key of a predecessor: its rows and the differences of the inputs are then inputs, too.
    """

    dataset: str
    first_day: date = D1
    last_day: date = D1
    as_of: datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    partitions: int | None = None
    engine: Engine = "spark"
    previous: date | None = None

    def run(self, spark: "SparkSession", inputs: Mapping[str, Sequence[Row]]) -> list[Row]:
        """Derive the rows and check them with the contract's pandera schema; times are returned as aware datetimes."""
        contract = REGISTRY.get(self.dataset).with_parameters(self.parameters)
        datasets = {"previous": self.dataset} | {
            f"{spec.alias}{end}": spec.dataset for spec in contract.inputs for end in ("", "_gone", "_came")
        }
        frames = {alias: frame(spark, datasets[alias], list(rows)) for alias, rows in inputs.items()}
        if self.partitions:
            frames = {alias: rows.repartition(self.partitions) for alias, rows in frames.items()}
        context = TransformContext(contract, self.first_day, self.last_day, self.as_of, self.engine, self.previous)
        derived = transform_of(contract)(frames, context).toArrow()
        assert tuple(derived.column_names) == contract.column_names
        rows = [dict(row) for row in derived.to_pylist()]
        expected_frame(contract, rows)
        return rows


def ordered(rows: Sequence[Row]) -> list[Row]:
    """The rows in an order of their own, with columns in alphabetical order: for comparison."""
    return sorted(({name: row[name] for name in sorted(row)} for row in rows), key=repr)
