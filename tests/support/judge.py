"""A judge of lakes: whatever was done in whatever order, the rows that readers saw must follow from the landed rows.

The judge notes what landed and what was withdrawn, and follows `main` of every core table snapshot by snapshot. What
each snapshot must hold it derives in plain Python (tests/support/reference.py looks at every pair). Of the code under
test the judge reads only what that code claims: the pins of a publication, and the days that validity vouches for.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot

from matinee.days import day_range, start_of
from matinee.ledger.dropping import DROPPED
from matinee.ledger.model import PUBLICATION_ID, RUN, Run
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.support import reference
from tests.support.reference import Row

IMPRESSIONS, PLAYS, ATTRIBUTIONS, OUTCOMES = CHAIN = (
    "core.impressions",
    "core.plays",
    "core.play_attributions",
    "core.impression_plays",
)
RAW = {IMPRESSIONS: "raw.impressions", PLAYS: "raw.plays"}
INPUTS = {IMPRESSIONS: (), PLAYS: (), ATTRIBUTIONS: (IMPRESSIONS, PLAYS), OUTCOMES: (IMPRESSIONS, ATTRIBUTIONS)}
DAY_COLUMN = {IMPRESSIONS: "event_day", PLAYS: "event_day", ATTRIBUTIONS: "play_day", OUTCOMES: "event_day"}
WINDOW, MIN_DELAY, ONE_DAY = timedelta(hours=24), timedelta(0), timedelta(days=1)


@dataclass(frozen=True)
class Published:
    """What a publication made of a day: its rows, and the run that they are of."""

    rows: list[Row]
    run: Run


Days = Mapping[date, Published]


@dataclass
class Judge:
    """What is known of one lake; `look` compares it with what is there, and raises AssertionError in words."""

    first: date
    landed: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    withdrawn: dict[tuple[str, date], set[str]] = field(default_factory=lambda: defaultdict(set))
    set_back: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    first_left: dict[str, date] = field(default_factory=dict)
    dropped: dict[str, dict[date, Published]] = field(default_factory=lambda: defaultdict(dict))
    generations: dict[tuple[str, date], int] = field(default_factory=dict)
    seen: dict[str, dict[int, Days]] = field(default_factory=lambda: {name: {} for name in CHAIN})
    heads: dict[str, int] = field(default_factory=dict)
    published: set[tuple[str, date]] = field(default_factory=set)
    looked_at: list[str] = field(default_factory=list)

    def look(self, lake: Lake) -> None:
        """Judge everything that readers of `main`, the ledger and validity can see now."""
        tables = {name: lake.table(name) for name in (*CHAIN, *RAW.values(), "ops.publications")}
        if self.looked_at == [table.metadata_location for table in tables.values()]:
            return
        self.looked_at = [table.metadata_location for table in tables.values()]
        ledger = tables["ops.publications"].scan().to_arrow().to_pylist()
        for dataset in CHAIN:
            self._follow(tables[dataset], dataset, ledger)
        for row in ledger:
            known = (row["publication_id"], row["day"]) in self.published
            assert known or row["state"] not in ("PUBLISHED", "WITHDRAWN"), (
                f"the ledger says {row['state']} of {row['publication_id']} {row['day']}: main never held it"
            )
        validity = Validity(lake)
        self._rising(validity)
        self._vouched(validity)

    def withdraw(self, dataset: str, day: date, in_flight: Iterable[str]) -> None:
        """Note that a day is withdrawn: all that was published of it by now, and the runs that have begun.

        Order alone decides: the clocks of those who withdraw and publish may differ.
        """
        shown = (days[day].run.publication_id for days in self.seen[dataset].values() if day in days)
        self.withdrawn[dataset, day] |= {*shown, *in_flight}

    def begins(self, publication_id: str) -> None:
        """Note a run, perhaps with the id of a run that did not reach `main`; it may undo an earlier withdrawal."""
        for identities in self.withdrawn.values():
            identities.discard(publication_id)

    def moved_back(self, dataset: str, snapshot_id: int) -> None:
        """Note that an operator has set `main` back to an earlier snapshot."""
        before, after = self.main(dataset), self.seen[dataset][snapshot_id]
        self.heads[dataset] = snapshot_id
        self.set_back[dataset] |= {
            day for day in before if day not in after or after[day].run.publication_id != before[day].run.publication_id
        }

    def complete(self, lake: Lake, dataset: str) -> None:
        """Judge what recovery leaves: nothing is on `main` that the ledger does not know."""
        rows = lake.table("ops.publications").scan().to_arrow().to_pylist()
        told = {(row["publication_id"], row["day"]) for row in rows if row["state"] in ("PUBLISHED", "WITHDRAWN")}
        here = {(published.run.publication_id, day) for day, published in self.main(dataset).items()}
        assert here <= told, f"recovery left {sorted(here - told)} unrecorded"

    def settled(self, lake: Lake, days: Iterable[date]) -> None:
        """Judge what healing leaves: every published day is made of all that landed, and is trusted again."""
        validity = Validity(lake)
        for dataset in CHAIN:
            for day in days:
                here = self.main(dataset).get(day)
                if here is None or day in self.set_back[dataset] or self._is_withdrawn(dataset, day, here):
                    continue
                if day < self.derivable(dataset):
                    continue
                reason = validity.status(dataset, day).reason
                if reason is not None and reason.root.kind == "set_back":
                    continue  # No heal reads an input that was set back: a person publishes that day again.
                wanted = self._derive(dataset, here.run, day, None)
                assert _same(here.rows, wanted), f"{dataset} {day} was healed, and is not what landed makes of it"
                assert reason is None or reason.root.kind in ("withdrawn", "unpublished"), str(reason)

    def derivable(self, dataset: str, *, from_landed: bool = True) -> date:
        """Return the first day that is made of no dropped day: of its inputs, or of landed rows and all between."""
        first_days = [self.first_left.get(dataset, self.first)]
        for name in (RAW[dataset],) if dataset in RAW else INPUTS.get(dataset, ()):
            begin = self.derivable(name) if from_landed else self.first_left.get(name, self.first)
            reaches_back = (dataset, name) == (ATTRIBUTIONS, IMPRESSIONS) and begin > self.first
            first_days.append(begin + ONE_DAY if reaches_back else begin)
        return max(first_days)

    def main(self, dataset: str) -> Days:
        """Return what readers of a dataset see, by day."""
        return self.seen[dataset][self.heads[dataset]]

    def _follow(self, table: Table, dataset: str, ledger: list[Row]) -> None:
        snapshots = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
        head: int | None = table.metadata.refs["main"].snapshot_id
        new: list[Snapshot] = []
        while head in snapshots and head not in self.seen[dataset]:
            new.append(snapshots[head])
            head = new[-1].parent_snapshot_id
        assert head == self.heads.get(dataset, head), (
            f"main of {dataset} does not descend from what it was: publications are lost"
        )
        for snapshot in reversed(new):
            self._snapshot(table, dataset, snapshot, ledger)

    def _snapshot(self, table: Table, dataset: str, snapshot: Snapshot, ledger: list[Row]) -> None:
        assert snapshot.summary is not None
        before = self.seen[dataset].get(snapshot.parent_snapshot_id or 0, {})
        summary = snapshot.summary.additional_properties
        after = dict(before)
        if PUBLICATION_ID in summary:
            run = Run.from_summary(summary)
            self._audited(run, ledger)
            for day in day_range(run.first_day, run.last_day):
                assert day >= self.first_left.get(dataset, day), f"{run.publication_id} brings back {dataset} {day}"
                self._not_undone(dataset, day, run)
                self.set_back[dataset].discard(day)
                after[day] = Published(self._derive(dataset, run, day, run), run)
                self.published.add((run.publication_id, day))
        elif DROPPED in summary:
            begin = self.first_left[dataset] = date.fromisoformat(summary[DROPPED])
            self.dropped[dataset] = {day: made for day, made in before.items() if day < begin} | self.dropped[dataset]
            after = {day: made for day, made in before.items() if day >= begin}
        elif snapshot.parent_snapshot_id is not None:
            changed = any(name in summary for name in ("added-data-files", "deleted-data-files"))
            rewritten = snapshot.summary.operation == Operation.REPLACE
            assert rewritten or not changed, f"main of {dataset} holds rows that nobody audited"
        rows = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().to_pylist()
        for day in sorted({*after, *(row[DAY_COLUMN[dataset]] for row in rows)}):
            visible = [row for row in rows if row[DAY_COLUMN[dataset]] == day]
            wanted = after[day].rows if day in after else []
            assert _same(visible, wanted), (
                f"readers of {dataset} {day} see {_short(visible)} at {snapshot.snapshot_id}, "
                f"and what {summary.get(PUBLICATION_ID)} claims to have read makes {_short(wanted)}"
            )
        self.seen[dataset][snapshot.snapshot_id] = after
        self.heads[dataset] = snapshot.snapshot_id

    def _audited(self, run: Run, ledger: list[Row]) -> None:
        pins = json.loads(run.to_summary()[RUN])["pins"]
        verdicts = [
            json.loads(row["verdicts"])
            for row in ledger
            if row["publication_id"] == run.publication_id
            and row["state"] != "ABANDONED"
            and json.loads(row["inputs"]) == pins
        ]
        assert verdicts, f"{run.publication_id} reached main and was never prepared"
        for verdict in (audited for recorded in verdicts for audited in recorded):
            assert (verdict["severity"], verdict["verdict"]) != ("blocking", "fail"), f"{verdict['audit']} had failed"

    def _not_undone(self, dataset: str, day: date, run: Run) -> None:
        undone = run.publication_id in self.withdrawn.get((dataset, day), ())
        assert not undone, f"{run.publication_id} began before {dataset} {day} was withdrawn, and undoes that"

    def _rising(self, validity: Validity) -> None:
        for dataset in CHAIN:
            for day in validity.history(dataset).by_day:
                newest = validity.history(dataset).newest(day)
                now, before = newest.generation if newest else 0, self.generations.get((dataset, day), 0)
                assert now >= before, f"the generation of {dataset} {day} fell from {before} to {now}"
                self.generations[dataset, day] = now

    def _derive(self, dataset: str, run: Run, day: date, pinned: Run | None) -> list[Row]:
        """Derive a day by brute force: from what `pinned` read, or from what readers of the inputs see now.

        Only the attribution days that the run had count: later days mature its rows, and change none.
        """
        if dataset in RAW:
            last = run.pin(RAW[dataset]).landing_seq if pinned else None
            rows = [row for row in self.landed[RAW[dataset]] if row["event_day"] == day]
            rows = [row for row in rows if last is None or row["landing_seq"] <= last]
            return reference.impressions(rows) if dataset == IMPRESSIONS else reference.plays(rows)
        held = {name: self._held(name, run if pinned else None) for name in INPUTS[dataset]}
        shown = [row for published in held[IMPRESSIONS].values() for row in published.rows]
        if dataset == ATTRIBUTIONS:
            return reference.play_attributions(_rows(held[PLAYS], day), shown, WINDOW, MIN_DELAY)
        read = run.pin(ATTRIBUTIONS).days
        won = [row for other, published in held[ATTRIBUTIONS].items() if other in read for row in published.rows]
        return reference.impression_plays(_rows(held[IMPRESSIONS], day), won, WINDOW, self._as_of(run))

    def _held(self, dataset: str, pinned: Run | None) -> Days:
        if pinned is None:
            return {**self.main(dataset), **self.dropped[dataset]}
        snapshot_id = pinned.pin(dataset).snapshot_id
        assert snapshot_id in self.seen[dataset], f"{pinned.publication_id} read {dataset} where main never was"
        return self.seen[dataset][snapshot_id]

    def _as_of(self, run: Run) -> datetime:
        day = run.first_day
        while day in run.pin(ATTRIBUTIONS).days or day < self.first:
            day += ONE_DAY
        return start_of(day)

    def _vouched(self, validity: Validity) -> None:
        for dataset in CHAIN:
            for day in self.main(dataset):
                doubt = self.doubt(dataset, day)
                assert not doubt or not validity.status(dataset, day).valid, f"{dataset} {day} is valid, but {doubt}"
            until = validity.vtts(dataset).vtts or start_of(self.first)
            for day in day_range(self.derivable(dataset), (until - ONE_DAY).date()):
                doubt = self.doubt(dataset, day)
                assert not doubt, f"VTTS of {dataset} is {until}, but of {day}: {doubt}"

    def doubt(self, dataset: str, day: date) -> str | None:
        """Return why nobody may vouch for a day; None where all its inputs are unchanged and trusted."""
        if day < self.first_left.get(dataset, self.first):
            return None
        here = self.main(dataset).get(day)
        if here is None:
            return "nothing was published"
        if day in self.set_back[dataset]:
            return "main was set back behind its newest publication"
        if self._is_withdrawn(dataset, day, here):
            return f"{dataset} {day} was withdrawn"
        for name in INPUTS[dataset]:
            for read in self._read(dataset, name, here.run, day):
                was = self.seen[name][here.run.pin(name).snapshot_id].get(read)
                if was is None or self._is_withdrawn(name, read, was):
                    return f"the {name} {read} that it read was withdrawn"
                doubt = self.doubt(name, read)
                if doubt:
                    return doubt
        now = self._derive(dataset, here.run, day, here.run if dataset in RAW else None)
        return None if _same(here.rows, now) else f"its inputs now make {_short(now)} of it, not {_short(here.rows)}"

    def _read(self, dataset: str, name: str, run: Run, day: date) -> Iterable[date]:
        if name == ATTRIBUTIONS:
            return [input_day for input_day in run.pin(name).days if input_day in (day, day + ONE_DAY)]
        first = day - ONE_DAY if (dataset, name) == (ATTRIBUTIONS, IMPRESSIONS) else day
        return [input_day for input_day in (first, day) if input_day >= self.first]

    def _is_withdrawn(self, dataset: str, day: date, published: Published) -> bool:
        return published.run.publication_id in self.withdrawn.get((dataset, day), ())


def _rows(days: Days, day: date) -> list[Row]:
    return days[day].rows if day in days else []


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["play_id"] if "play_id" in row else row["event_id"], row["profile_id"]))


def _same(visible: list[Row], wanted: list[Row]) -> bool:
    return _ordered(visible) == _ordered(wanted)


def _short(rows: Iterable[Row]) -> str:
    named = ("play_id", "event_id", "profile_bucket", "plays", "label", "received_ts")
    return str([tuple(str(row[name]) for name in named if name in row) for row in _ordered(rows)])
