"""A landing: what became of one file, or of one range of a stream, and how a commit's summary carries it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from matinee.table import names
from matinee.table.files import LANDING_SEQ
from matinee.table.landings import LANDING

QUARANTINE = "raw.quarantine"
FILE_SHA256 = "matinee.file-sha256"
DATASET = "matinee.dataset"
FILE = "matinee.file"
_STREAMED = ("after", "through", "query_id", "batch_ts", "topic_id")
#: What the register does not keep: where a stream goes on, and whether it pauses, its tables say.
ONLY_IN_SUMMARY = ("reasons", "skewed", *_STREAMED)


@dataclass(frozen=True)
class Landing:
    """What became of one file that was landed for a dataset; numbered once it is committed.

    Attributes:
        rows_in: lines or rows of the file; `rows_landed + rows_quarantined`.
        received_ts: when it was landed: the received time of rows that state none.
        reasons: how many rows are bad, by reason; skewed: how many happened too long after they were received.
        after, through: of what came by a stream: the next offset of each partition (`topic/0`), before and then.
        query_id: of what came by a stream: which query brought it.
        batch_ts: of what came by a stream: when it was landed, in ISO 8601; empty of those who did not note it. A
            broker may have other times than that of its records: those that their producers say.
        topic_id: of what came by a stream: the identity of its topic; empty where the brokers tell none, or of those
            who did not note it.
    """

    dataset: str
    file: str
    sha256: str
    rows_in: int
    rows_landed: int
    rows_quarantined: int
    unknown_fields: Mapping[str, int]
    received_ts: datetime
    landing_seq: int = 0
    snapshot_id: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    skewed: int = 0
    after: Mapping[str, int] = field(default_factory=dict)
    through: Mapping[str, int] = field(default_factory=dict)
    query_id: str = ""
    batch_ts: str = ""
    topic_id: str = ""

    @property
    def branch(self) -> str:
        """The branch on which its rows wait for `main`: the same after a kill, so that no leftover stays."""
        return f"{names.LANDING}{self.sha256[:16]}"

    @property
    def tag(self) -> str:
        """The tag on its bad rows in the quarantine, where its other rows have not come before expiry does."""
        return f"{names.BEGUN}{self.dataset.rpartition('.')[2]}_{self.sha256[:16]}"

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that carry this landing."""
        body = {
            "rows_in": self.rows_in,
            "rows_landed": self.rows_landed,
            "rows_quarantined": self.rows_quarantined,
            "unknown_fields": dict(self.unknown_fields),
            "received_ts": self.received_ts.isoformat(),
            "reasons": dict(self.reasons),
            "skewed": self.skewed,
            **({name: getattr(self, name) for name in _STREAMED} if self.through else {}),
        }
        return {
            LANDING_SEQ: str(self.landing_seq),
            FILE_SHA256: self.sha256,
            DATASET: self.dataset,
            FILE: self.file,
            LANDING: json.dumps(body, sort_keys=True, separators=(",", ":")),
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, str], snapshot_id: int) -> "Landing":
        """Read what `to_summary` wrote."""
        body = json.loads(summary[LANDING])
        return cls(
            dataset=summary[DATASET],
            file=summary[FILE],
            sha256=summary[FILE_SHA256],
            landing_seq=int(summary[LANDING_SEQ]),
            snapshot_id=snapshot_id,
            **{**body, "received_ts": datetime.fromisoformat(body["received_ts"])},
        )


def landing_in(summary: Mapping[str, str], snapshot_id: int) -> Landing | None:
    """Return the landing that a snapshot's summary tells of, if it does."""
    return Landing.from_summary(summary, snapshot_id) if LANDING in summary else None
