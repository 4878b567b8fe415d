"""A landing: what became of one file, or of one range of a stream, and how a commit's summary carries it."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from matinee.table import names
from matinee.table.files import LANDING_SEQ
from matinee.table.landings import LANDING, LANDINGS
from matinee.table.registers import Instant, Packed, Register, Text, codec, to_text

QUARANTINE = "raw.quarantine"
FILE_SHA256 = "matinee.file-sha256"
DATASET = "matinee.dataset"
FILE = "matinee.file"
#: The snapshot property that names a batch of files.
BATCH = "matinee.batch-id"
#: The fields that a summary has of every landing, of a range of a stream, and of a batch of files.
_TOLD = {"rows_in", "rows_landed", "rows_quarantined", "unknown_fields", "received_ts", "reasons", "skewed"}
_STREAMED = {"after", "through", "query_id", "batch_ts", "topic_id"}
_BATCHED = {"batch_id", "first_seq"}


@dataclass(frozen=True)
class Landing:
    """What became of one file that was landed for a dataset; numbered once it is committed.

    The commit of several files describes them as one landing: `in_all`.

    Attributes:
        rows_in: lines or rows of the file; `rows_landed + rows_quarantined`.
        received_ts: when it was landed: the received time of rows that state none.
        reasons: how many rows are bad, by reason; skewed: how many happened too long after they were received.
        after, through: of a range of a stream: the next offset of each partition (`topic/0`), before and after.
        query_id: of a range of a stream: the query that landed it.
        batch_ts: of a range of a stream: when it was landed, in ISO 8601; empty if the landing did not note it. The
            broker's times of the records may differ: they may be those that their producers state.
        topic_id: of a range of a stream: the identity of its topic; empty if the brokers tell none, or the landing did
            not note it.
        max_line_bytes: of a range of a stream: of the longest record that was parsed; 0 if the landing did not note it.
        batch_id: of files: the batch that they were committed with; empty if an older version landed them.
        first_seq: of a commit of files: the first of its numbers; `landing_seq` is the last.
        identity: of a file: changes whenever it is written or replaced; empty: not known.
    """

    dataset: str
    file: str
    sha256: str
    rows_in: int
    rows_landed: int
    rows_quarantined: int
    unknown_fields: Packed[Mapping[str, int]]
    received_ts: Instant
    landing_seq: int = 0
    snapshot_id: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    skewed: int = 0
    after: Mapping[str, int] = field(default_factory=dict)
    through: Mapping[str, int] = field(default_factory=dict)
    query_id: str = ""
    batch_ts: str = ""
    topic_id: str = ""
    max_line_bytes: int = 0
    batch_id: Text = ""
    first_seq: int = 0
    identity: Text = ""

    @classmethod
    def in_all(cls, landings: Sequence["Landing"]) -> "Landing":
        """Return the files of a batch as one landing, as their commit describes them."""
        first, last = landings[0], landings[-1]
        is_one = len(landings) == 1
        return replace(
            last,
            file=first.file if is_one else f"{first.file} and {len(landings) - 1} more",
            sha256=first.sha256 if is_one else hashlib.sha256(first.batch_id.encode()).hexdigest(),
            rows_in=sum(landing.rows_in for landing in landings),
            rows_landed=sum(landing.rows_landed for landing in landings),
            rows_quarantined=sum(landing.rows_quarantined for landing in landings),
            unknown_fields=dict(sum((Counter(landing.unknown_fields) for landing in landings), Counter())),
            reasons=dict(sum((Counter(landing.reasons) for landing in landings), Counter())),
            first_seq=first.landing_seq,
        )

    @property
    def branch(self) -> str:
        """The branch that its rows are written to before `main`: the same after a kill, so that no leftover stays."""
        return f"{names.LANDING}{self.sha256[:16]}"

    @property
    def tag(self) -> str:
        """The tag that keeps its bad rows in the quarantine, if expiry comes before its good rows are landed."""
        return f"{names.BEGUN}{self.dataset.rpartition('.')[2]}_{self.sha256[:16]}"

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry this landing."""
        told = _TOLD | (_STREAMED if self.through else set()) | (_BATCHED if self.batch_id else set())
        told |= {"max_line_bytes"} if self.max_line_bytes else set()
        return {
            LANDING_SEQ: str(self.landing_seq),
            FILE_SHA256: self.sha256,
            DATASET: self.dataset,
            FILE: self.file,
            **({BATCH: self.batch_id} if self.batch_id else {}),
            LANDING: to_text(self, include=told),
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, str], snapshot_id: int) -> "Landing":
        """Read what `to_summary` wrote."""
        own = {"dataset": summary[DATASET], "file": summary[FILE], "sha256": summary[FILE_SHA256]}
        number = {"landing_seq": summary[LANDING_SEQ], "snapshot_id": snapshot_id}
        return codec(cls).validate_python({**own, **number, **json.loads(summary[LANDING])})


def landing_in(summary: Mapping[str, str], snapshot_id: int) -> Landing | None:
    """Return the landing that a snapshot's summary describes; None if it describes none."""
    return Landing.from_summary(summary, snapshot_id) if LANDING in summary else None


#: The register of landed files. The offsets of a stream, and whether it pauses, are in its tables, not here.
REGISTER = Register(LANDINGS, Landing)


@dataclass(frozen=True)
class Batch:
    """Files that are landed together.

    Attributes:
        batch_id: names it in its commits.
        dataset: the raw dataset.
        landings: one for each file, in order of number.
        good, bad: the data files of their rows, for the raw table and for the quarantine.
    """

    batch_id: str
    dataset: str
    landings: tuple[Landing, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]

    @property
    def first_seq(self) -> int:
        """The number of its first file."""
        return self.landings[0].landing_seq

    @property
    def last_seq(self) -> int:
        """The number of its last file."""
        return self.landings[-1].landing_seq

    def to_row(self, state: str, noted_ts: datetime) -> dict[str, object]:
        """Return a row of `ops.landing_batches`: the batch is in a state since an instant."""
        return {
            "batch_id": self.batch_id,
            "dataset": self.dataset,
            "state": state,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "body": codec(Batch).dump_json(self, round_trip=True, exclude_defaults=True).decode(),
            "noted_ts": noted_ts,
        }

    @classmethod
    def from_row(cls, row: dict[str, str]) -> "Batch":
        """Read what `to_row` returned."""
        return codec(cls).validate_python({**row, **json.loads(row["body"])})
