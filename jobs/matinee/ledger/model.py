"""Publications: what one audited change read and wrote, and how it was judged; the ledger's nouns."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

from matinee.contracts.stamps import Stamps, day_stamp
from matinee.contracts.stamps import from_text as stamps_of
from matinee.contracts.stamps import to_text as stamps_text
from matinee.days import day_range
from matinee.errors import UsageError
from matinee.report import Rows, Verdict
from matinee.table import names
from matinee.table.files import Slice
from matinee.table.registers import Instant, codec, to_text

_ID = re.compile(r"^[a-z0-9_]+$")
PUBLICATION_ID = "matinee.publication-id"
RUN = "matinee.run"
WITHDRAWAL = "matinee.withdrawal"


class State(StrEnum):
    """The last thing the ledger knows of a publication."""

    PREPARED = "PREPARED"
    PUBLISHED = "PUBLISHED"
    ABANDONED = "ABANDONED"
    WITHDRAWN = "WITHDRAWN"


#: Profile buckets: some, or None for all of them.
Buckets = tuple[int, ...] | None
#: States of what is in `main`'s ancestry; a withdrawn publication still is.
REACHED = (State.PUBLISHED, State.WITHDRAWN)


@dataclass(frozen=True)
class InputPin:
    """One input as a run read it.

    `days` holds each input day that was read as valid with its generation then; for `raw.*`, which has no generations,
    with the highest landing number of the day's rows. `landing_seq` is the highest of the whole snapshot (`raw.*`).
    `stamps` holds the stamps of these days, where known: the rows that were read under that generation.
    `buckets` is the number of buckets in which all of these days were written; None: the days differ, or not known.
    """

    dataset: str
    snapshot_id: int
    sequence_number: int
    landing_seq: int | None
    days: Mapping[date, int]
    stamps: Mapping[date, str] = field(default_factory=dict)
    buckets: int | None = None


@dataclass(frozen=True)
class Predecessor:
    """The newest valid key before a run's own, at `main`'s snapshot when the run began; it is no input of the run."""

    publication_id: str
    day: date
    generation: int
    snapshot_id: int


@dataclass(frozen=True)
class Run:
    """What a run set out to do; stored whole in the summary of the one snapshot it writes.

    `as_of` is the end of the last consecutive valid day of an input that looks ahead (attributions), if any.
    `heal` says that the run repairs one day, and `buckets` are the profile buckets that it rewrites there; None: every
    row of its days is derived again.
    `previous` is its predecessor, where its contract has one; `way` says whether the run starts from its rows, and
    `why`: both empty where the contract has none.
    `terms` are what its contract said of the rows (`publication.terms`); empty where an earlier version recorded the
    run.
    `planned_ts` says when the run began; no row depends on it. `began` is the sequence number of `main`'s head at that
    time; where a publish step wrote a stale run again, the number at the first write.
    """

    publication_id: str
    dataset: str
    key: str
    first_day: date
    last_day: date
    base_snapshot_id: int
    pins: tuple[InputPin, ...]
    contract_version: str
    code_version: str
    planned_ts: Instant
    parameters: Mapping[str, str] = field(default_factory=dict)
    as_of: Instant | None = None
    heal: bool = False
    buckets: tuple[int, ...] | None = None
    began: int | None = None
    terms: Mapping[str, str] = field(default_factory=dict)
    previous: Predecessor | None = None
    way: Literal["", "in full", "incremental"] = ""
    why: str = ""

    @property
    def branch(self) -> str:
        """The branch on which the change waits for its audits."""
        return f"{names.AUDIT}{self.publication_id}"

    @property
    def days(self) -> tuple[date, ...]:
        """The days that it publishes."""
        return tuple(day_range(self.first_day, self.last_day))

    def written(self, snapshot_id: int) -> Slice:
        """Return what the run replaces, as it stands at a snapshot of its dataset."""
        return Slice(self.dataset, snapshot_id, self.first_day, self.last_day, self.buckets)

    def pin(self, dataset: str) -> InputPin:
        """Return the pin of an input; for an input that the contract names only since then, a pin of no day."""
        return next((pin for pin in self.pins if pin.dataset == dataset), InputPin(dataset, 0, 0, None, {}))

    @property
    def pinned(self) -> dict[str, int]:
        """The snapshot of each input, by dataset."""
        return {pin.dataset: pin.snapshot_id for pin in self.pins}

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry this run."""
        return {PUBLICATION_ID: self.publication_id, RUN: to_text(self, exclude={"publication_id"})}

    @classmethod
    def from_summary(cls, summary: Mapping[str, str]) -> "Run":
        """Read what `to_summary` wrote."""
        return codec(cls).validate_python({"publication_id": summary[PUBLICATION_ID], **json.loads(summary[RUN])})


@dataclass(frozen=True)
class Publication:
    """One (publication, day) of the ledger with all that is known of it.

    `changed` are the buckets whose rows changed; None: all buckets, or not known. `stamps` are the stamps of the day's
    rows.
    """

    run: Run
    day: date
    state: State
    generation: int
    recorded_ts: datetime
    audited_snapshot_id: int | None = None
    head_snapshot_id: int | None = None
    head_sequence_number: int | None = None
    replayed: bool | None = None
    verdicts: tuple[Verdict, ...] = ()
    rows: Rows = field(default_factory=Rows.model_construct)
    reason: str | None = None
    changed: tuple[int, ...] | None = None
    stamps: Stamps = field(default_factory=dict)

    @property
    def stamp(self) -> str | None:
        """One stamp for all rows of the day; None where it is not known."""
        return day_stamp(self.stamps)

    @property
    def publication_id(self) -> str:
        """Its identity, `[a-z0-9_]`."""
        return self.run.publication_id

    def as_published(self, head_snapshot_id: int, sequence_number: int, recorded_ts: datetime) -> "Publication":
        """Return the record that the publication reached `main` as that snapshot."""
        return replace(
            self,
            state=State.PUBLISHED,
            recorded_ts=recorded_ts,
            head_snapshot_id=head_snapshot_id,
            head_sequence_number=sequence_number,
            replayed=head_snapshot_id != self.audited_snapshot_id,
        )


@dataclass(frozen=True)
class Withdrawal:
    """The statement that a published day is not to be trusted; stored in the summary of an empty snapshot of `main`.

    `generation` is the day's generation from then on; `committed` is None until `main` has it.
    """

    publication_id: str
    day: date
    generation: int
    reason: str
    committed: datetime | None = None

    def record(self, publication: Publication) -> Publication:
        """Return the record that the publication was withdrawn."""
        noted = self.committed or publication.recorded_ts
        changes = {"generation": self.generation, "reason": self.reason, "recorded_ts": noted}
        return replace(publication, state=State.WITHDRAWN, **changes)  # type: ignore[arg-type]

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry this withdrawal."""
        return {WITHDRAWAL: to_text(self, exclude={"committed"})}

    @classmethod
    def from_summary(cls, summary: Mapping[str, str], committed: datetime | None = None) -> "Withdrawal | None":
        """Return the withdrawal that a snapshot's summary tells of, if any."""
        if WITHDRAWAL not in summary:
            return None
        return codec(cls).validate_python({**json.loads(summary[WITHDRAWAL]), "committed": committed})


def publication_id(dataset: str, key: str, attempt: str) -> str:
    """Return the identity of an attempt to publish a key of a dataset.

    Raises:
        UsageError: the attempt has other characters than `[a-z0-9_]`.
    """
    identity = f"{dataset}_{key}_{attempt}".replace(".", "_").replace("-", "")
    if not _ID.match(identity):
        raise UsageError(
            f"'{attempt}' cannot name an attempt.", next_step="Use lower-case letters, digits and '_' only."
        )
    return identity


#: What a row tells of its run in columns of their own; the inputs are a column, too, and `parameters` tells the rest.
_RUN = ("publication_id", "dataset", "key", "base_snapshot_id", "contract_version", "code_version")
_PLAIN = {
    *("day", "generation", "recorded_ts", "audited_snapshot_id", "head_snapshot_id", "head_sequence_number"),
    *("replayed", "reason"),
}
#: The columns of row counts, and how `Rows` calls them.
_COUNTS = {"rows_in": "in", "rows_out": "out", "rows_quarantined": "quarantined", "rows_duplicate": "duplicate"}


def to_row(publication: Publication) -> dict[str, object]:
    """Return the row of a publication."""
    run: dict[str, Any] = codec(Run).dump_python(publication.run, mode="json")
    columns = {name: run.pop(name) for name in _RUN}
    pins, rest = run.pop("pins"), {"overrides": run.pop("parameters"), "changed": publication.changed}
    counts = publication.rows.model_dump(by_alias=True)
    return {
        **columns,
        **{name: getattr(publication, name) for name in _PLAIN},
        **{column: counts[name] for column, name in _COUNTS.items()},
        "state": publication.state.value,
        "inputs": json.dumps(pins, sort_keys=True),
        "verdicts": codec(tuple[Verdict, ...]).dump_json(publication.verdicts).decode(),
        "parameters": json.dumps(run | rest, sort_keys=True),
        "stamps": stamps_text(publication.stamps) if publication.stamps else None,
    }


def from_row(row: Mapping[str, Any]) -> Publication:
    """Read what `to_row` of this or an earlier version wrote."""
    said = json.loads(row["parameters"])
    run = {**row, **said, "parameters": said["overrides"], "pins": json.loads(row["inputs"])}
    own = {
        "run": run,
        "changed": said.get("changed"),
        "verdicts": codec(tuple[Verdict, ...]).validate_json(row["verdicts"]),
        "rows": {name: row[column] or 0 for column, name in _COUNTS.items()},
        "stamps": stamps_of(row.get("stamps")),
    }
    return codec(Publication).validate_python({**row, **own})
