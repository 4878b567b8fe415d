"""The reader of a soak: reads `main` as any reader does and compares all of it with what was landed and recorded.

Metadata is loaded in one order: the tables, then the ledger, then the landings. So what is in a table is in the
ledger, what the ledger has pinned is among the landings, and whatever happened meanwhile is newer than all of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from matinee.ledger.ledger import History, history, recorded
from matinee.ledger.model import PUBLICATION_ID, REACHED
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.files import landing_seq
from matinee.validity.validity import Validity
from tests.soak.events import RAW
from tests.soak.invariants import Keys, Violation, differing, doubled, landed_otherwise, why_unaudited
from tests.soak.landed import Landed
from tests.soak.turns import Journal

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

IMPRESSIONS, PLAYS, ATTRIBUTIONS, JOINED = CHAIN = (
    "core.impressions",
    "core.plays",
    "core.play_attributions",
    "core.impression_plays",
)
KEYS = {IMPRESSIONS: "event_id", PLAYS: "play_id", ATTRIBUTIONS: "play_id", JOINED: "event_id"}
#: What else is read of a table beside key and day.
MORE = {ATTRIBUTIONS: ("event_ts",), JOINED: ("plays",)}


class Witness:
    """One reader. A snapshot that it has once seen to be audited is not checked again."""

    def __init__(self, lake: Lake, folder: Path | None = None) -> None:
        self.lake = lake
        self.folder = folder
        self.landed = Landed(lake, folder)
        self.reads = 0
        self._seen: set[int] = set()
        self._newest: dict[str, tuple[int, str]] = {}
        self._given_up: dict[str, set[str]] = defaultdict(set)
        self._generations: dict[tuple[str, date], int] = {}

    def look(self) -> Iterator[Violation]:
        """Read every table once and yield the violations."""
        tables = {name: self.lake.table(name) for name in (*CHAIN, *RAW)}
        rows = {name: self._read(tables[name], KEYS[name], *MORE.get(name, ())) for name in CHAIN}
        keys = {name: self._keys(name, rows[name]) for name in CHAIN}
        histories = {name: history(self.lake, name) for name in CHAIN}
        self.landed.refresh()
        self._given_up = self._read_journals()
        for name in CHAIN:
            yield from self._not_there(name, histories[name], sequence_of(tables[name], refs.head(tables[name])))
            yield from doubled(name, keys[name])
            yield from self._unaudited(name, tables[name])
            yield from self._unlike_its_pins(name, keys[name], histories, tables)
            yield from self._fallen(histories[name])
            yield from unaccounted(name, histories[name])
        for name in RAW:
            yield from self._unlike_its_files(name, tables[name])
        yield from self._ahead(tables, rows, keys)

    def _read(self, table: "Table", *columns: str) -> "pa.Table":
        self.reads += 1
        day_column = self.lake.registry.get(".".join(table.name())).day_column or ""
        return table.scan(selected_fields=(*columns, day_column)).to_arrow()

    def _keys(self, dataset: str, rows: "pa.Table") -> Keys:
        counts: Keys = defaultdict(Counter)
        day_column = self.lake.registry.get(dataset).day_column
        for key, day in zip(rows[KEYS[dataset]].to_pylist(), rows[day_column].to_pylist(), strict=True):
            counts[day][key] += 1
        return counts

    def _unaudited(self, dataset: str, table: "Table") -> Iterator[Violation]:
        """Yield the new snapshots of `main` that are no audited publication and no proven compaction."""
        new = [snapshot_id for snapshot_id in refs.ancestry(table) if snapshot_id not in self._seen]
        notes = recorded(self.lake, dataset).values() if new else ()
        for snapshot_id in new:
            identity = summary_of(table, snapshot_id).get(PUBLICATION_ID)
            own = [note for note in notes if note.publication_id == identity]
            reason = why_unaudited(self.lake, table, snapshot_id, own)
            if reason is not None:
                yield Violation("unaudited", dataset, f"snapshot {snapshot_id} ({identity}) {reason}")
        self._seen.update(new)

    def _not_there(self, dataset: str, published: History, sequence: int) -> Iterator[Violation]:
        """Yield the publication that the ledger had at the last look and that is not in the table at this one."""
        given_up = self._given_up[dataset]
        number, identity = self._newest.get(dataset, (0, ""))
        if number > sequence and identity not in given_up:
            yield Violation("ahead", dataset, f"{identity} is in the ledger as published, not on main")
        reached = [
            (publication.head_sequence_number or 0, publication.publication_id)
            for publication in published.all()
            if publication.state in REACHED and publication.publication_id not in given_up
        ]
        self._newest[dataset] = max(reached, default=(0, ""))

    def _read_journals(self) -> dict[str, set[str]]:
        """Return the publications behind which an operator has set `main` back, by dataset."""
        set_back: dict[str, set[str]] = defaultdict(set)
        for path in (self.folder / "journals").glob("restorer-*.jsonl") if self.folder else ():
            for line in Journal(path).lines():
                if line["kind"] == "set_back":
                    set_back[line["dataset"]].add(line["publication"])
                elif line["kind"] == "kept":
                    set_back[line["dataset"]].discard(line["publication"])
        return set_back

    def _fallen(self, published: History) -> Iterator[Violation]:
        """Yield the days whose generation is lower than at an earlier look."""
        for day in published.by_day:
            newest = published.newest(day)
            now, before = newest.generation if newest else 0, self._generations.get((published.dataset, day), 0)
            if now < before:
                yield Violation("fallen", published.dataset, f"{day}: generation {before} became {now}")
            self._generations[published.dataset, day] = max(now, before)

    def _unlike_its_pins(
        self, dataset: str, keys: Keys, histories: Mapping[str, History], tables: Mapping[str, "Table"]
    ) -> Iterator[Violation]:
        """Yield the days whose keys are not those that were landed up to what their publication read."""
        head = refs.head(tables[dataset])
        sequence = sequence_of(tables[dataset], head)
        for day in sorted(keys.keys() | histories[dataset].by_day.keys()):
            expected = self._expected(histories, tables, dataset, day, (head, sequence))
            if expected is not None:
                yield from differing(dataset, day, expected, keys.get(day, ()), "what was landed up to its pin")

    def _expected(
        self,
        histories: Mapping[str, History],
        tables: Mapping[str, "Table"],
        dataset: str,
        day: date,
        at: tuple[int, int],
    ) -> set[str] | None:
        """Return the keys that a day has at a snapshot and its number, by pins and landed files alone.

        A publication that an operator gave up counts where the snapshot descends from it; None where that is unknown.
        """
        snapshot_id, sequence = at
        line = refs.ancestry(tables[dataset], snapshot_id)
        given_up = self._given_up[dataset] - {
            summary_of(tables[dataset], ancestor).get(PUBLICATION_ID) for ancestor in line
        }
        known = [publication for publication in histories[dataset].by_day.get(day, ()) if publication.state in REACHED]
        before = [publication for publication in known if (publication.head_sequence_number or 0) <= sequence]
        if not line and any(publication.publication_id in given_up for publication in before):
            return None
        newest = max(
            (publication for publication in before if publication.publication_id not in given_up),
            key=lambda publication: publication.head_sequence_number or 0,
            default=None,
        )
        if newest is None:
            return set()
        pin = newest.run.pin(self.lake.registry.get(dataset).inputs[0].dataset)
        if pin.dataset in RAW:
            return self.landed.up_to(pin.dataset, day, pin.landing_seq or 0)
        return self._expected(histories, tables, pin.dataset, day, (pin.snapshot_id, pin.sequence_number))

    def _unlike_its_files(self, dataset: str, table: "Table") -> Iterator[Violation]:
        """Yield the landings whose rows in a raw table are not the good lines of their file."""
        rows = self._read(table, RAW[dataset][1], "landing_seq")
        stored: dict[int, Counter[tuple[date, str]]] = defaultdict(Counter)
        columns = (rows[name].to_pylist() for name in ("landing_seq", "event_day", RAW[dataset][1]))
        for number, day, key in zip(*columns, strict=True):
            stored[number][day, key] += 1
        last = landing_seq(table)
        lines = {number: keys for number, keys in self.landed.files[dataset].items() if number <= last}
        for number in sorted(lines.keys() | stored.keys()):
            yield from landed_otherwise(dataset, number, lines.get(number, Counter()), stored[number])
        for number in self.landed.twice[dataset]:
            yield Violation("doubled", dataset, f"landing number {number} was given to two files")

    def _ahead(
        self, tables: Mapping[str, "Table"], rows: Mapping[str, "pa.Table"], keys: Mapping[str, Keys]
    ) -> Iterator[Violation]:
        """Yield the days that count as valid without what they are made from; nothing if `main` moved meanwhile."""
        validity = Validity(self.lake)
        lines = {name: refs.ancestry(tables[name]) for name in CHAIN}
        days = sorted({day for name in CHAIN for day in keys[name]})
        # Everything is read before the check whether `main` moved: later answers would include later changes.
        valid = [(name, day) for name in CHAIN for day in days if validity.status(name, day).valid]
        newest_of = {(name, day): validity.history(name).newest(day) for name in CHAIN for day in days}
        if any(refs.head(self.lake.table(name)) != refs.head(tables[name]) for name in CHAIN):
            return
        for name, day in valid:
            publication = newest_of[name, day]
            oldest = sequence_of(tables[name], lines[name][-1])
            if (
                publication
                and publication.head_snapshot_id not in lines[name]
                and (publication.head_sequence_number or 0) >= oldest
            ):
                yield Violation("ahead", name, f"{day} is valid, and main does not hold {publication.publication_id}")
        plays, attributed = _plays(rows[JOINED]), _attributed(rows[ATTRIBUTIONS])
        for name, day in (key for key in valid if key[0] in (ATTRIBUTIONS, JOINED)):
            source = self.lake.registry.get(name).inputs[0].dataset
            for violation in differing(name, day, keys[source].get(day, ()), keys[name].get(day, ()), source):
                yield Violation("ahead", name, f"valid, but {violation.detail}")
            newest = newest_of[name, day] if name == JOINED else None
            won = sum(attributed[day, played] for played in newest.run.pin(ATTRIBUTIONS).days) if newest else 0
            if newest and won != plays[day]:
                yield Violation("ahead", name, f"{day} is valid with {plays[day]} plays of {won} attributed ones")


def sequence_of(table: "Table", snapshot_id: int) -> int:
    """Return the sequence number of a snapshot; 0 where it is gone."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    return (snapshot.sequence_number or 0) if snapshot else 0


def unaccounted(dataset: str, published: History) -> Iterator[Violation]:
    """Yield the days whose rows in are not those out and the duplicates, and those on `main` by no snapshot."""
    for publication in published.all():
        rows = publication.rows
        if publication.state in REACHED and rows.read != rows.out + rows.quarantined + rows.duplicate:
            yield Violation("unaccounted", dataset, f"{publication.publication_id} {publication.day}: {rows}")
        if publication.state in REACHED and (
            publication.head_snapshot_id is None or publication.head_sequence_number is None
        ):
            yield Violation(
                "unaccounted", dataset, f"{publication.publication_id} {publication.day} is published as no snapshot"
            )


def _plays(rows: "pa.Table") -> Counter[date]:
    """Return how many plays the impressions of each day have won."""
    won: Counter[date] = Counter()
    for day, plays in zip(rows["event_day"].to_pylist(), rows["plays"].to_pylist(), strict=True):
        won[day] += plays
    return won


def _attributed(rows: "pa.Table") -> Counter[tuple[date, date]]:
    """Return how many plays there are by the day of the impression that they belong to and by their own."""
    pairs = zip(rows["event_ts"].to_pylist(), rows["play_day"].to_pylist(), strict=True)
    return Counter((shown.date(), played) for shown, played in pairs if shown is not None)
