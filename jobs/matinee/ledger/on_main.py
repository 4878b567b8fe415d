"""What `main`'s ancestry says of publications: which reached it, and which were withdrawn since."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from matinee.days import instant_of_millis
from matinee.ledger.model import PUBLICATION_ID, REACHED, RUN, Publication, State, Withdrawal
from matinee.table import refs

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table


@dataclass(frozen=True)
class _Head:
    """A publication in `main`'s ancestry: its snapshot, and the run that is stored there."""

    snapshot_id: int
    sequence_number: int
    committed: datetime
    run: str

    def covers(self, day: date) -> bool:
        """Whether it published the day: a repeated attempt may have left records of days that it no longer has."""
        run = json.loads(self.run)
        return date.fromisoformat(run["first_day"]) <= day <= date.fromisoformat(run["last_day"])


@dataclass(frozen=True)
class OnMain:
    """What `main`'s ancestry says: its publications by id, and the withdrawals by publication and day."""

    heads: Mapping[str, _Head] = field(default_factory=dict)
    withdrawn: Mapping[tuple[str, date], Withdrawal] = field(default_factory=dict)

    @classmethod
    def of(cls, table: "Table") -> "OnMain":
        """Read the publications and withdrawals from a table's metadata."""
        heads, withdrawn = dict[str, _Head](), dict[tuple[str, date], Withdrawal]()
        for snapshot in refs.line(table):
            summary, committed = refs.properties_of(snapshot), instant_of_millis(snapshot.timestamp_ms)
            word = Withdrawal.from_summary(summary, committed)
            if word is not None:
                withdrawn[word.publication_id, word.day] = word
            elif identity := summary.get(PUBLICATION_ID):
                heads[identity] = _Head(snapshot.snapshot_id, snapshot.sequence_number or 0, committed, summary[RUN])
        return cls(heads, withdrawn)

    def changed(self, columns: "pa.Table") -> list[int]:
        """Return the rows of which `main`'s ancestry may know more than the ledger."""
        import pyarrow as pa
        import pyarrow.compute as pc

        def among(name: str, values: Iterable[str]) -> "pa.ChunkedArray":
            return pc.is_in(columns[name], pa.array(values, pa.string()))

        mask = pc.and_(pc.invert(among("state", REACHED)), among("publication_id", self.heads))
        if self.withdrawn:
            words = among("publication_id", {identity for identity, _ in self.withdrawn})
            mask = pc.or_(mask, pc.and_(pc.invert(among("state", [State.WITHDRAWN])), words))
        return [int(position) for position in pc.indices_nonzero(mask).to_pylist()]

    def completed(self, known: Publication) -> Publication:
        """Return a record with the last state that is known."""
        head, word = self.heads.get(known.publication_id), self.withdrawn.get((known.publication_id, known.day))
        if head is not None and known.state not in REACHED and head.covers(known.day):
            known = known.as_published(head.snapshot_id, head.sequence_number, head.committed)
        return word.record(known) if word and known.state is State.PUBLISHED else known
