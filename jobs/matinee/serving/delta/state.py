"""How far a delta is: from which day on it has events, up to which records, and what became of these."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime


@dataclass(frozen=True)
class State:
    """The state of a delta; it stands in the database, and changes with its entries.

    Attributes:
        first: the first day of the delta.
        topic_id: the identity of the topic.
        offsets: the next record of each partition.
        read: until when the records of each partition were read.
        forgotten: how many entries of the register of what was forgotten were followed.
        missing: until when records that the topic no longer had may be missing; None: none are.
        records: how many records were read.
        events: how many of them brought a new event of the delta's days.
        repeats: how many told an event of these days again.
        late: how many brought, or told again, an event of an earlier day.
        quarantined: how many were no events, by reason.
    """

    first: date
    topic_id: str = ""
    offsets: Mapping[int, int] = field(default_factory=dict)
    read: Mapping[int, datetime] = field(default_factory=dict)
    forgotten: int = 0
    missing: datetime | None = None
    records: int = 0
    events: int = 0
    repeats: int = 0
    late: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)

    def reached(self, offsets: Mapping[int, int], read: Mapping[int, datetime]) -> "State":
        """Return the state at other offsets."""
        return replace(self, offsets=offsets, read=read)

    def counted(self, events: int, repeats: int, late: int, bad: Counter[str]) -> "State":
        """Return the state after more records."""
        return replace(
            self,
            records=self.records + events + repeats + late + bad.total(),
            events=self.events + events,
            repeats=self.repeats + repeats,
            late=self.late + late,
            quarantined=dict(Counter(self.quarantined) + bad),
        )
