"""The ledger `ops.publications`: appended to, never rewritten; `main`'s ancestry decides what is published.

A row says what was prepared, published, abandoned or withdrawn. **Published means that a snapshot with the
publication's id is in `main`'s ancestry**, so a reader completes the rows with the table's own history: a process that
dies between moving `main` and recording it leaves nothing to disagree about.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from matinee.contracts.stamps import from_text, to_text
from matinee.ledger.dropping import begin_of
from matinee.ledger.model import PUBLICATION_ID, REACHED, RUN, InputPin, Publication, Run, State, Withdrawal, buckets_in
from matinee.report import Rows, Verdict
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows, stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

LEDGER = "ops.publications"
_VERDICTS = TypeAdapter(tuple[Verdict, ...])


@dataclass(frozen=True)
class History:
    """The publications of one dataset, by day, oldest first; each with the last state that is known.

    `begin` is the first day that is left, where days were dropped: the ledger still knows what those were.
    """

    dataset: str
    by_day: Mapping[date, tuple[Publication, ...]]
    begin: date | None = None

    def newest(self, day: date) -> Publication | None:
        """Return the day's newest publication that reached `main` (perhaps withdrawn since), if any did."""
        reached = [p for p in self.by_day.get(day, ()) if p.state in REACHED]
        return max(reached, key=lambda p: p.head_sequence_number or 0, default=None)

    def open(self) -> tuple[Publication, ...]:
        """Return what is prepared, neither published nor abandoned."""
        return tuple(p for records in self.by_day.values() for p in records if p.state is State.PREPARED)

    def find(self, identity: str) -> tuple[Publication, ...]:
        """Return the days of one publication."""
        return tuple(p for records in self.by_day.values() for p in records if p.publication_id == identity)

    def prepared(self, identity: str) -> Publication | None:
        """Return what was last recorded of a publication: its run, and the snapshot that was audited."""
        return max(self.find(identity), key=_newness, default=None)

    def all(self) -> tuple[Publication, ...]:
        """Return every record, by day, then by age."""
        return tuple(p for day in sorted(self.by_day) for p in self.by_day[day])


def record(lake: Lake, publications: Iterable[Publication]) -> None:
    """Append the rows of one event (all its days together) in one commit."""
    append_rows(lake, LEDGER, map(_to_row, publications))


def noted_after(known: Iterable[Publication]) -> datetime:
    """Return the time for a record that follows others: now, or just after them where another clock is ahead of ours.

    What was recorded last of an attempt holds, on whichever machines its tries ran.
    """
    return max([stamp(), *(one.recorded_ts + timedelta(microseconds=1) for one in known)])


def history(lake: Lake, dataset: str) -> History:
    """Return what is known of a dataset's publications: the ledger's rows completed by `main`'s ancestry."""
    latest = recorded(lake, dataset)
    table = lake.table(dataset) if lake.exists(dataset) else None
    reached, withdrawn = _on_main(table) if table else ({}, {})
    by_day: dict[date, list[Publication]] = defaultdict(list)
    for known in latest.values():
        head, word = reached.get(known.publication_id), withdrawn.get((known.publication_id, known.day))
        unnoted = head is not None and known.state not in REACHED and head.covers(known.day)
        now = head.record(known) if unnoted and head else known
        by_day[known.day].append(word.record(now) if word and now.state is State.PUBLISHED else now)
    ordered = {day: tuple(sorted(found, key=_age)) for day, found in by_day.items()}
    return History(dataset, ordered, begin_of(table) if table else None)


@dataclass(frozen=True)
class _OnMain:
    """A publication in `main`'s ancestry: its snapshot, and the run that is stored there."""

    snapshot_id: int
    sequence_number: int
    committed: datetime
    run: str

    def covers(self, day: date) -> bool:
        """Whether it published the day: an attempt that was made again may have left days that it no longer has."""
        run = json.loads(self.run)
        return date.fromisoformat(run["first_day"]) <= day <= date.fromisoformat(run["last_day"])

    def record(self, known: Publication) -> Publication:
        """Return the record that it reached `main`."""
        return known.as_published(self.snapshot_id, self.sequence_number, self.committed)


def _newness(publication: Publication) -> tuple[bool, datetime, bool]:
    # Days that a publication has given up stand beside those that it has.
    return publication.state in REACHED, publication.recorded_ts, publication.state is not State.ABANDONED


def _age(publication: Publication) -> tuple[int, datetime, str]:
    return (publication.head_sequence_number or 0, publication.recorded_ts, publication.publication_id)


# An attempt may be abandoned and prepared again, so those two order by time; what reached `main` stays reached.
_RANK = {State.PREPARED: 0, State.ABANDONED: 0, State.PUBLISHED: 1, State.WITHDRAWN: 2}


def recorded(lake: Lake, dataset: str) -> dict[tuple[str, date], Publication]:
    """Return the last row that stands in the ledger for each (publication id, day), as written."""
    if not lake.exists(LEDGER):
        return {}
    rows = lake.table(LEDGER).scan(row_filter=f"dataset = '{dataset}'").to_arrow().to_pylist()
    latest: dict[tuple[str, date], Publication] = {}
    found = sorted(map(_from_row, rows), key=lambda p: (_RANK[p.state], p.recorded_ts))
    for publication in found:
        latest[publication.publication_id, publication.day] = publication
    return latest


def _on_main(table: "Table") -> tuple[dict[str, _OnMain], dict[tuple[str, date], Withdrawal]]:
    """Return the publications in `main`'s ancestry by id, and the withdrawals there by publication and day."""
    # PyIceberg looks for a snapshot among all of them.
    kept = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
    found, withdrawn = dict[str, _OnMain](), dict[tuple[str, date], Withdrawal]()
    for snapshot_id, summary in refs.summaries(table):
        snapshot = kept[snapshot_id]
        committed = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
        word = Withdrawal.from_summary(summary, committed)
        if word is not None:
            withdrawn[word.publication_id, word.day] = word
        elif identity := summary.get(PUBLICATION_ID):
            found[identity] = _OnMain(snapshot_id, snapshot.sequence_number or 0, committed, summary[RUN])
    return found, withdrawn


def _to_row(publication: Publication) -> dict[str, object]:
    run = publication.run
    return {
        "publication_id": publication.publication_id,
        "dataset": run.dataset,
        "day": publication.day,
        "key": run.key,
        "state": publication.state.value,
        "recorded_ts": publication.recorded_ts,
        "generation": publication.generation,
        "base_snapshot_id": run.base_snapshot_id,
        "audited_snapshot_id": publication.audited_snapshot_id,
        "head_snapshot_id": publication.head_snapshot_id,
        "head_sequence_number": publication.head_sequence_number,
        "replayed": publication.replayed,
        "inputs": json.dumps([pin.to_json() for pin in run.pins], sort_keys=True),
        "verdicts": _VERDICTS.dump_json(publication.verdicts).decode(),
        "rows_in": publication.rows.read,
        "rows_out": publication.rows.out,
        "rows_quarantined": publication.rows.quarantined,
        "rows_duplicate": publication.rows.duplicate,
        "contract_version": run.contract_version,
        "code_version": run.code_version,
        "parameters": json.dumps(
            {
                "first_day": run.first_day.isoformat(),
                "last_day": run.last_day.isoformat(),
                "planned_ts": run.planned_ts.isoformat(),
                "as_of": run.as_of.isoformat() if run.as_of else None,
                "overrides": dict(run.parameters),
                "heal": run.heal,
                "buckets": run.buckets,
                "began": run.began,
                "changed": publication.changed,
            },
            sort_keys=True,
        ),
        "reason": publication.reason,
        "stamps": to_text(publication.stamps) if publication.stamps else None,
    }


def _run_of(row: Mapping[str, object], parameters: Mapping[str, Any]) -> Run:
    return Run(
        publication_id=str(row["publication_id"]),
        dataset=str(row["dataset"]),
        key=str(row["key"]),
        first_day=date.fromisoformat(parameters["first_day"]),
        last_day=date.fromisoformat(parameters["last_day"]),
        base_snapshot_id=_int(row["base_snapshot_id"]) or 0,
        pins=tuple(InputPin.from_json(pin) for pin in json.loads(str(row["inputs"]))),
        contract_version=str(row["contract_version"]),
        code_version=str(row["code_version"]),
        planned_ts=datetime.fromisoformat(parameters["planned_ts"]),
        parameters=parameters["overrides"],
        as_of=datetime.fromisoformat(parameters["as_of"]) if parameters["as_of"] else None,
        heal=parameters.get("heal", False),
        buckets=buckets_in(parameters),
        began=parameters.get("began"),
    )


def _from_row(row: Mapping[str, object]) -> Publication:
    parameters = json.loads(str(row["parameters"]))
    return Publication(
        run=_run_of(row, parameters),
        day=row["day"],  # type: ignore[arg-type]
        state=State(str(row["state"])),
        generation=_int(row["generation"]) or 0,
        recorded_ts=row["recorded_ts"],  # type: ignore[arg-type]
        audited_snapshot_id=_int(row["audited_snapshot_id"]),
        head_snapshot_id=_int(row["head_snapshot_id"]),
        head_sequence_number=_int(row["head_sequence_number"]),
        replayed=row["replayed"],  # type: ignore[arg-type]
        verdicts=_VERDICTS.validate_json(str(row["verdicts"])),
        rows=Rows.model_validate(
            {
                "in": row["rows_in"] or 0,
                "out": row["rows_out"] or 0,
                "quarantined": row["rows_quarantined"] or 0,
                "duplicate": row["rows_duplicate"] or 0,
            }
        ),
        reason=str(row["reason"]) if row["reason"] is not None else None,
        changed=buckets_in(parameters, "changed"),
        stamps=from_text(row.get("stamps")),  # type: ignore[arg-type]
    )


def _int(value: object) -> int | None:
    return int(str(value)) if value is not None else None
