"""Notes: what columns tell of the ledger's records, so that a question about all records reads no record."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from matinee.contracts.stamps import day_stamp, from_text
from matinee.days import instant_of, micros_of
from matinee.ledger.model import InputPin, Publication, State
from matinee.report import Verdict
from matinee.table import names
from matinee.table.registers import codec

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns that the ledger does not have; they are read from its JSON once.
TOLD = frozenset({"blocked", "as_of_us", "stamp", "pinned"})


class Read(NamedTuple):
    """An input day that a publication read as valid, with what its pin says of the day and of the input."""

    dataset: str
    day: date
    generation: int
    stamp: str | None
    landing_seq: int | None

    @classmethod
    def type(cls) -> "pa.DataType":
        """Return the Arrow type of a `Read` in a column."""
        import pyarrow as pa

        kinds = (pa.string(), pa.date32(), pa.int64(), pa.string(), pa.int64())
        return pa.struct(list(zip(cls._fields, kinds, strict=True)))


class Note(NamedTuple):
    """What columns tell of a (publication, day), without its run and its verdicts.

    `recorded_us` and the run's `as_of_us` count from 1970; `blocked` says that a blocking audit failed.
    """

    publication_id: str
    day: date
    state: State
    generation: int
    recorded_us: int
    audited_snapshot_id: int | None
    head_snapshot_id: int | None
    head_sequence_number: int | None
    read: int
    out: int
    duplicate: int
    blocked: bool
    as_of_us: int | None
    stamp: str | None

    @classmethod
    def of(cls, publication: Publication) -> "Note":
        """Return what columns would tell of a publication."""
        rows = publication.rows
        return cls(
            publication.publication_id,
            publication.day,
            publication.state,
            publication.generation,
            micros_of(publication.recorded_ts),
            publication.audited_snapshot_id,
            publication.head_snapshot_id,
            publication.head_sequence_number,
            rows.read,
            rows.out,
            rows.duplicate,
            any(verdict.blocks for verdict in publication.verdicts),
            micros_of(publication.run.as_of) if publication.run.as_of else None,
            publication.stamp,
        )

    @property
    def recorded_ts(self) -> datetime:
        """When the record was made."""
        return instant_of(self.recorded_us)

    @property
    def as_of(self) -> datetime | None:
        """The run's `as_of`, where it has one."""
        return None if self.as_of_us is None else instant_of(self.as_of_us)

    @property
    def branch(self) -> str:
        """The branch on which the change waits, or waited, for its audits."""
        return f"{names.AUDIT}{self.publication_id}"

    @property
    def age(self) -> tuple[int, int, str]:
        """The key by which the records of a day are ordered, oldest first."""
        return self.head_sequence_number or 0, self.recorded_us, self.publication_id


def told(rows: "pa.Table") -> "pa.Table":
    """Return rows of the ledger with the columns that their JSON tells."""
    import pyarrow as pa

    pins = map(codec(list[InputPin]).validate_json, rows["inputs"].to_pylist())
    pinned = [
        [
            Read(pin.dataset, day, generation, pin.stamps.get(day), pin.landing_seq)._asdict()
            for pin in row_pins
            for day, generation in pin.days.items()
        ]
        for row_pins in pins
    ]
    as_of = [json.loads(text)["as_of"] for text in rows["parameters"].to_pylist()]
    texts = rows["stamps"].to_pylist() if "stamps" in rows.column_names else [None] * len(rows)
    columns = {
        "blocked": pa.array(map(_blocks, rows["verdicts"].to_pylist()), pa.bool_()),
        "as_of_us": pa.array(
            [micros_of(datetime.fromisoformat(moment)) if moment else None for moment in as_of], pa.int64()
        ),
        "stamp": pa.array([day_stamp(from_text(text)) for text in texts], pa.string()),
        "pinned": pa.array(pinned, pa.list_(Read.type())),
    }
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows


def _blocks(verdicts: str) -> bool:
    failing = '"fail"' in verdicts  # Hardly any row has a failed audit.
    return failing and any(Verdict.model_validate(verdict).blocks for verdict in json.loads(verdicts))
