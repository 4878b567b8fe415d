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

        def among(identities: Iterable[str], *states: State) -> "pa.Array":
            """Return the rows of some publications in other states than these."""
            others = pc.indices_nonzero(pc.invert(pc.is_in(columns["state"], pa.array(states, pa.string()))))
            of_these = pc.is_in(columns["publication_id"].take(others), pa.array(identities, pa.string()))
            return others.filter(of_these.combine_chunks())

        rows = {*among(self.heads, *REACHED).to_pylist()}
        if self.withdrawn:
            rows |= {*among({identity for identity, _ in self.withdrawn}, State.WITHDRAWN).to_pylist()}
        return sorted(rows)

    def completed(self, known: Publication) -> Publication:
        """Return a record with the last state that is known."""
        head, word = self.heads.get(known.publication_id), self.withdrawn.get((known.publication_id, known.day))
        if head is not None and known.state not in REACHED and head.covers(known.day):
            known = known.as_published(head.snapshot_id, head.sequence_number, head.committed)
        return word.record(known) if word and known.state is State.PUBLISHED else known
