"""What a contract says, as frozen values: columns, partitions, inputs, parameters and service levels of one dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from matinee.contracts.cadence import Cadence
from matinee.contracts.document import is_number
from matinee.contracts.service_levels import VolumeBand
from matinee.days import parse_duration, reach_ahead, reach_back
from matinee.errors import UsageError

#: What a dataset is: landed events, derived, landed snapshots, the lake's own book-keeping, or kept by micro-batches.
Kind = Literal["event", "derived", "dimension", "register", "live"]
#: What a source's contract says: how late its events may arrive and be on time, and what share usually repeats another.
SOURCE_DELAY, SOURCE_REPEATS = "source.delay", "source.repeats"
#: The transform that keeps one row for each key of a day of landed rows.
DEDUPLICATE = "deduplicate"
#: When an event arrived: as its producer states it, else when it was landed.
RECEIVED = "received_ts"
#: What the names of manifests begin with; those of other landing files begin with the name of their dataset.
MANIFEST = "manifest"


@dataclass(frozen=True)
class Column:
    """One column: its Iceberg type, what its values must be, and the words that the catalog shows for it.

    `unique` means unique within the event day. `previous_name` is what a renamed column was called before.
    `milliseconds_of` is the landed column of seconds from which a deduplication makes the column. `below_minimum` is
    the reason for which a landed row with a value below the minimum is quarantined; empty: `out_of_range_<column>`.
    `items` describes the items of a list: if `required`, none is null. `fields` are the fields of a struct.
    """

    name: str
    type: str
    required: bool
    doc: str
    unique: bool = False
    primary_key: bool = False
    minimum: float | int | None = None
    maximum: float | int | None = None
    enum: tuple[str, ...] = ()
    previous_name: str | None = None
    milliseconds_of: str | None = None
    below_minimum: str = ""
    items: "Column | None" = None
    fields: "tuple[Column, ...]" = ()


@dataclass(frozen=True)
class Cells:
    """How the rows of a day are parted, so that a part can be derived and repaired by itself: by default not at all.

    Attributes:
        column: holds the bucket of each row, a whole number from 0; with the day it names the row's cell.
        of: the column whose hash is the bucket: rows that belong together have the same value there.
        buckets: how many there are.
    """

    column: str = ""
    of: str = ""
    buckets: int = 1


@dataclass(frozen=True)
class PartitionField:
    """One partition field; `transform` is "identity" or "day"."""

    column: str
    transform: str


@dataclass(frozen=True)
class InputSpec:
    """A dataset that a transform reads, under `alias`, and how far around the published days it reads it.

    `lookback` and `lookahead` are duration literals ("24h", "0s") or names of the contract's parameters. Days of an
    `optional` input that are not valid are left out; an invalid day of any other input refuses the run. `waits_for`
    says when days of an input can be read: once they are `valid`, or once they are also `mature` and change no more.
    `on_restated` says what a day is whose input was published again from other input, since it was read.
    """

    dataset: str
    alias: str
    lookback: str = "0d"
    lookahead: str = "0d"
    optional: bool = False
    waits_for: Literal["valid", "mature"] = "valid"
    on_restated: Literal["invalid", "outdated"] = "invalid"


@dataclass(frozen=True)
class Contract:
    """One dataset's contract; everything else about the dataset is derived from it.

    Attributes:
        kind: what the dataset is.
        files: whether landing files bring its rows; only of what is landed.
        topic, dag: the topic whose records are its rows, and the DAG that publishes its days; None where none does.
        audited: whether readers of `main` are promised audited rows; False for raw.* and ops.*.
        day_column: the column that holds the event day; None where the dataset is not kept by day.
        key_columns: the primary key, unique within the event day; empty where rows may repeat.
        cells: how its days are parted into cells.
        transform: name of a Python transform, "transform.sql", or None for what no transform makes.
        audits: the shared audits that judge it, beside its own: names of files in `sql/audits/`.
        cadence: which days are its keys.
        history: what its VTTS ends: an `unbroken` run of valid keys, or the `newest` valid key, as each stands alone.
        has_previous: whether a run may start from the rows of the newest valid key before its own.
        touches: how far before its key a run publishes: a duration literal or a parameter's name.
        parameters: durations ("24h") and numbers ("0.5") by name; a run may override them in an experiment.
        completeness_share: the share of the expected rows from which on a day counts as complete, in (0, 1].
        freshness: how far VTTS may lag behind the clock; `timedelta.max` where no target is declared.
        earliest_event: events of days before it are quarantined.
        retain_publications, retain: how many publications of a day are kept, and for how long at least.
        keep: for how long event days are kept, counted back from the newest valid one; None: for ever.
        named: columns by what they are: `segment` of clients, `location` on a page, `measures` that are added up.
        has_live: whether micro-batches keep a table of it, too: `<dataset>_live`, of the same columns, unaudited.
        folder: where the contract, its transform and its audits stand.
    """

    dataset: str
    version: str
    description: str
    owner: str
    kind: Kind
    files: bool
    topic: str | None
    dag: str | None
    audited: bool
    columns: tuple[Column, ...]
    partitions: tuple[PartitionField, ...]
    sort_order: tuple[str, ...]
    day_column: str | None
    key_columns: tuple[str, ...]
    cells: Cells
    inputs: tuple[InputSpec, ...]
    transform: str | None
    audits: tuple[str, ...]
    cadence: Cadence
    history: Literal["unbroken", "newest"]
    has_previous: bool
    touches: str
    parameters: Mapping[str, str]
    completeness_share: float
    freshness: timedelta
    earliest_event: date
    retain_publications: int
    retain: timedelta
    keep: timedelta | None
    volume: VolumeBand
    named: Mapping[str, tuple[str, ...]]
    has_live: bool
    folder: Path

    def __hash__(self) -> int:
        # Caches have contracts as keys: hashing all columns at each access would cost more than the look-up.
        return hash((self.dataset, self.version))

    @property
    def namespace(self) -> str:
        """The part of the dataset's name before the dot."""
        return self.dataset.partition(".")[0]

    @property
    def name(self) -> str:
        """The part of the dataset's name after the dot."""
        return self.dataset.partition(".")[2]

    @property
    def is_live(self) -> bool:
        """Whether micro-batches keep this table."""
        return self.kind == "live"

    @property
    def is_landed(self) -> bool:
        """Whether landing brings its rows: events, or snapshots of a dimension."""
        return self.kind in {"event", "dimension"}

    @property
    def bucketed(self) -> bool:
        """Whether each data file holds rows of one bucket."""
        return PartitionField(self.cells.column, "identity") in self.partitions

    @property
    def event_time(self) -> str:
        """When an event happened: the first `timestamptz` other than `received_ts`; of a dimension `received_ts`."""
        instants = (column.name for column in self.columns if column.type == "timestamptz" and column.name != RECEIVED)
        return RECEIVED if self.kind == "dimension" else next(instants)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that name a row: the primary key, or the first column of landed rows, which may repeat."""
        return self.key_columns or (self.columns[0].name,)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in the order of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def source_delay(self) -> timedelta:
        """How long after it happened an event of this source may arrive on time."""
        return self.duration(SOURCE_DELAY if SOURCE_DELAY in self.parameters else "10m")

    @property
    def source_repeats(self) -> float:
        """The share of its rows that usually repeat another, where no history of the source says."""
        return self.number(SOURCE_REPEATS) if SOURCE_REPEATS in self.parameters else 0.02

    def as_live(self) -> "Contract":
        """Return the contract of its live table: by day alone, as each micro-batch has rows of all buckets.

        Of thousands of snapshots a day only the newest is kept for readers. Its labels, not VTTS, say how fresh it is.
        """
        return replace(
            self,
            dataset=live_name(self.dataset),
            kind="live",
            dag=None,
            audited=False,
            inputs=(),
            transform=None,
            audits=(),
            partitions=tuple(field for field in self.partitions if field.column != self.cells.column),
            freshness=timedelta.max,
            retain=timedelta(0),
            keep=None,
            has_live=False,
        )

    def duration(self, name_or_literal: str) -> timedelta:
        """Return the length of a parameter, or of a duration literal, which begins with a digit.

        Raises:
            UsageError: neither a parameter of this contract nor a duration.
        """
        return parse_duration(name_or_literal if name_or_literal[:1].isdigit() else self._known(name_or_literal))

    def number(self, name: str) -> float:
        """Return the value of a numeric parameter.

        Raises:
            UsageError: the contract has no such parameter, or it is not a number.
        """
        value = self._known(name)
        if not is_number(value):
            raise UsageError(
                f"Parameter {name} of {self.dataset} is '{value}', not a number.",
                next_step="Read it as a duration.",
                facts={"dataset": self.dataset, "parameter": name, "value": value},
            )
        return float(value)

    def with_parameters(self, overrides: Mapping[str, str]) -> "Contract":
        """Return the contract with other parameter values, for an experiment.

        Raises:
            UsageError: an unknown parameter, or a value of another kind than the value that it replaces.
        """
        for name, value in overrides.items():
            if is_number(self._known(name)) != is_number(value):
                kind = "a number" if is_number(self.parameters[name]) else "a duration such as 24h or 40d"
                raise UsageError(
                    f"Parameter {name} of {self.dataset} cannot be '{value}'.",
                    next_step=f"Give {kind}; the contract's own value is {self.parameters[name]}.",
                    facts={"dataset": self.dataset, "parameter": name, "value": value},
                )
            if not is_number(value):
                parse_duration(value)
        return replace(self, parameters={**self.parameters, **overrides})

    def touched_days(self, first_key: date, last_key: date) -> tuple[date, date]:
        """Return the first and the last day that a run of these keys publishes, both included."""
        return reach_back(first_key, self.duration(self.touches)), last_key

    def input_days(self, spec: InputSpec, first_day: date, last_day: date) -> tuple[date, date]:
        """Return the first and the last day of an input that publishing these days reads, both included."""
        first = reach_back(first_day, self.duration(spec.lookback))
        return first, reach_ahead(last_day, self.duration(spec.lookahead))

    def _known(self, name: str) -> str:
        if name not in self.parameters:
            known = ", ".join(sorted(self.parameters)) or "none"
            raise UsageError(
                f"{self.dataset} has no parameter {name}.",
                next_step=f"Use one of its parameters: {known}.",
                facts={"dataset": self.dataset, "parameter": name},
            )
        return self.parameters[name]


def live_name(dataset: str) -> str:
    """Return the name of a dataset's live table."""
    return f"{dataset}_live"
