"""Validity: which days can be trusted, computed from the ledger and never stored; VTTS is its unbroken prefix.

A day of a published dataset is valid iff its newest publication was not withdrawn and wrote the rows that `main` holds,
its own completeness gate holds, and every input day it read is valid and still has the generation that was pinned.
A day of a raw dataset is valid iff it is over and enough of the expected rows have landed. Days before `valid_from`
count as empty and valid. A dropped day keeps its generation: days that were made from it stay valid, and are not
derived again.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract, InputSpec
from matinee.days import day_range, end_of, start_of
from matinee.ledger.model import InputPin, Publication, State
from matinee.validity.completeness import Unknown, counted, enough, expectation
from matinee.validity.day_set import DaySet
from matinee.validity.look import Look
from matinee.validity.maturity import first_unsettled, is_settled, looks_ahead, settled_through
from matinee.validity.plain import plain_days
from matinee.validity.reasons import DayStatus, Reason, Vtts, failed, withdrawn

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Validity(Look):
    """Judges days by one look at the lake: what it loads is kept, so make a new `Validity` to see later changes."""

    _plain: dict[str, DaySet] = field(default_factory=dict)
    _statuses: dict[tuple[str, date], DayStatus] = field(default_factory=dict)

    def status(self, dataset: str, day: date) -> DayStatus:
        """Return whether a day is valid and, if not, why."""
        status = self._statuses.get((dataset, day))
        if status is None:
            status = self._statuses[dataset, day] = self._status(self.lake.registry.get(dataset), day)
        return status

    def plain(self, dataset: str) -> DaySet:
        """Return the days of a dataset that are valid at first sight."""
        if dataset not in self._plain:
            self._plain[dataset] = plain_days(self, self.lake.registry.get(dataset), self.plain)
        return self._plain[dataset]

    def readable(self, spec: InputSpec, day: date) -> DayStatus:
        """Return whether a day of an input is as its reader's contract asks: valid, or valid and mature."""
        status = self.status(spec.dataset, day)
        contract = self.lake.registry.get(spec.dataset)
        if day < self.begin(spec.dataset):
            detail = f"dropped: its contract keeps days from {self.begin(spec.dataset)} on"
            return _invalid(contract, day, "dropped", detail, "Nothing: what reads it is not derived any more.")
        before = self.valid_from is None or day < self.valid_from
        if spec.waits_for == "valid" or not status.valid or before:
            return status
        if is_settled(contract, self.history(spec.dataset).newest_notes.get(day), day):
            return status
        detail, wait = "valid, but not mature: its labels may still change", "Wait: the runs of later days settle them."
        return _invalid(contract, day, "immature", detail, wait)

    def _status(self, contract: Contract, day: date) -> DayStatus:
        if day in self.plain(contract.dataset):
            note = self.history(contract.dataset).newest_notes[day] if contract.transform else None
            return DayStatus(
                contract.dataset, day, True, note.generation if note else 0, stamp=note.stamp if note else None
            )
        if self.valid_from is not None and day < self.valid_from:
            return DayStatus(contract.dataset, day, valid=True)
        if day < self.begin(contract.dataset):
            return self._dropped(contract, day)
        return self._published(contract, day) if contract.transform else self._complete(contract, day)

    def _dropped(self, contract: Contract, day: date) -> DayStatus:
        newest = self.history(contract.dataset).newest(day) if contract.transform else None
        if newest is None:
            return DayStatus(contract.dataset, day, valid=True)
        return DayStatus(contract.dataset, day, True, newest.generation, stamp=newest.stamp)

    def _complete(self, contract: Contract, day: date) -> DayStatus:
        landed, published = self.landed(contract.dataset).get(day, 0), self.published_note(contract.dataset, day)
        declared = (contract.dataset, day) in self.manifests
        if not declared and published is not None and landed >= published.read:
            # It was complete by its history when it was published; later changes of other days do not matter.
            return DayStatus(contract.dataset, day, valid=True)
        expected = expectation(self, contract.dataset, day)
        close = f"`matinee ingest {contract.dataset} --close-through {day}` declares it complete."
        if isinstance(expected, Unknown):
            detail = f"open: {landed} rows landed {expected.detail}"
            return _invalid(contract, day, "open", detail, f"Land its manifest, or {close}")
        count = counted(self, contract.dataset, day, expected)
        if count.toward(expected) < contract.completeness_share * expected.rows:
            return self._too_few_landed(contract, day, count.words(expected), f"{count.cure(expected)}, or {close}")
        return DayStatus(contract.dataset, day, valid=True)

    def _too_few_landed(self, contract: Contract, day: date, count: str, close: str) -> DayStatus:
        landed = self.landed(contract.dataset).get(day, 0)
        for reader in self.readers(contract.dataset):
            newest = self.history(reader.dataset).newest(day)
            pin = _pin_of(newest, contract.dataset)
            if newest is not None and pin is not None and newest.rows.read > landed:
                detail = f"thinned: {count}; {newest.publication_id} read {newest.rows.read}"
                restore = f"Bring back what snapshot {pin.snapshot_id} holds{close}"
                return _invalid(contract, day, "thinned", detail, restore)
        return _invalid(contract, day, "short", f"short: {count}", f"Land the missing files{close}")

    def _published(self, contract: Contract, day: date) -> DayStatus:
        newest = self.history(contract.dataset).newest(day)
        if newest is None:
            cause = self._missing_input(contract, day)
            run = f"`matinee run {contract.dataset} --key {day}` publishes it."
            return _invalid(contract, day, "unpublished", "no publication", run, cause)
        reason = (
            withdrawn(contract, newest)
            or failed(contract, newest)
            or self._changed_rows(contract, newest)
            or self._changed_input(contract, newest)
            or self._thinned_source(contract, newest)
            or self._too_few(contract, newest)
        )
        return DayStatus(contract.dataset, day, reason is None, newest.generation, reason, newest.stamp)

    def changed_outside(self, newest: Publication) -> Reason | None:
        """Return the reason where a published day, or its landed day, is not as it was when it was published."""
        contract = self.lake.registry.get(newest.run.dataset)
        return self._changed_rows(contract, newest) or self._thinned_source(contract, newest)

    def _changed_rows(self, contract: Contract, newest: Publication) -> Reason | None:
        change = self.outside(contract.dataset).get(newest.day)
        if change is None:
            return None
        again = f"`matinee run {contract.dataset} --key {newest.day}` derives it again."
        return Reason(change.kind, contract.dataset, newest.day, change.words, again)

    def _thinned_source(self, contract: Contract, newest: Publication) -> Reason | None:
        """Return the reason where the landed day that a publication was made from has fewer rows now."""
        source = contract.inputs[0].dataset
        pin = _pin_of(newest, source)
        if self.lake.registry.get(source).transform is not None or pin is None:
            return None
        if newest.day < self.begin(source):
            return None
        landed = self.landed(source).get(newest.day, 0)
        if landed >= newest.rows.read:
            return None
        detail = f"thinned: published from {newest.rows.read} rows of {source}, which now holds {landed}"
        again = (
            f"Bring back what snapshot {pin.snapshot_id} of {source} holds, or "
            f"`matinee run {contract.dataset} --key {newest.day}` publishes what is left."
        )
        return Reason("thinned", contract.dataset, newest.day, detail, again)

    def _too_few(self, contract: Contract, newest: Publication) -> Reason | None:
        """Return the reason where a publication was made of too small a share of the rows that are declared by now."""
        source = contract.inputs[0].dataset
        upstream = self.lake.registry.get(source)
        if upstream.transform is not None or newest.day < self.begin(source):
            return None
        declared = (source, newest.day) in self.manifests
        expected = expectation(self, source, newest.day) if declared else Unknown("")
        if isinstance(expected, Unknown) or enough(newest.rows, expected, upstream.completeness_share):
            return None
        rows = newest.rows.out if expected.distinct else newest.rows.read
        detail = f"published from {rows} of {expected.rows} rows (by {expected.evidence})"
        again = f"`matinee run {contract.dataset} --key {newest.day}` publishes the others too."
        return Reason("short", contract.dataset, newest.day, detail, again)

    def _missing_input(self, contract: Contract, day: date) -> Reason | None:
        for spec in contract.inputs:
            for read in () if spec.optional else self.read_days(contract, spec, day, day):
                status = self.readable(spec, read)
                if not status.valid:
                    return status.reason
        return None

    def _changed_input(self, contract: Contract, newest: Publication) -> Reason | None:
        first, last = newest.day, newest.day
        for spec in contract.inputs:
            reads = set(day_range(*contract.input_days(spec, first, last)))
            for read, generation in sorted(newest.run.pin(spec.dataset).days.items()):
                if read not in reads:
                    continue
                reason = self._input_reason(contract, newest, spec, self.status(spec.dataset, read), generation)
                if reason is not None:
                    return reason
        return None

    def _input_reason(
        self, contract: Contract, newest: Publication, spec: InputSpec, status: DayStatus, generation: int
    ) -> Reason | None:
        again = f"`matinee run {contract.dataset} --key {newest.day}` reads it again."
        if not status.valid:
            detail = f"its input {status.dataset} {status.day} is not valid"
            return Reason("input", contract.dataset, newest.day, detail, again, status.reason)
        # Raw days have no generation: late rows are healed, they do not make a publication invalid.
        if not self.lake.registry.get(status.dataset).transform or status.generation == generation:
            return None
        what = f"restated: {generation} ▸ {status.generation}"
        if spec.on_restated == "outdated":
            if not self._withdrawn_since(newest, status, generation):
                return None
            what = "withdrawn since it was read, and published again"
        detail = f"its input {status.dataset} {status.day} was {what}"
        return Reason("restated", contract.dataset, newest.day, detail, again)

    def _withdrawn_since(self, newest: Publication, status: DayStatus, generation: int) -> bool:
        """Whether the rows of an input day that a publication read under a generation were withdrawn later."""
        notes = self.history(status.dataset).notes_by_day[status.day]
        withdrawn = any(note.state is State.WITHDRAWN and note.generation > generation for note in notes)
        read = newest.run.pin(status.dataset).stamps.get(status.day)
        return withdrawn and (read is None or read != status.stamp)

    def vtts(self, dataset: str) -> Vtts:
        """Return until when a dataset can be trusted, and what holds it there.

        That is the end of the unbroken run of valid keys from the first owed key on; where each key stands alone, the
        end of the newest valid key.
        """
        first = self.owed_from(dataset)
        if first is None:
            reason = Reason("open", dataset, date.min, "no day of this lake is closed", "Land events and manifests.")
            return Vtts(dataset, None, held_by=reason)
        contract = self.lake.registry.get(dataset)
        last = self._last_in_a_row(contract, first) if contract.history == "unbroken" else self.newest_valid(dataset)
        following = contract.cadence.after(last) if last else self._first_to_come(contract, first)
        reached, held_by = end_of(last) if last else None, self.status(dataset, following).reason
        return Vtts(dataset, reached, self._mature_through(dataset, first, last), held_by)

    def newest_valid(self, dataset: str) -> date | None:
        """Return the newest published day that is valid."""
        days = self.history(dataset).newest_notes.days[::-1].tolist()
        return next((day for day in days if self.status(dataset, day).valid), None)

    def owed_keys(self, dataset: str, first: date, last: date) -> "np.ndarray":
        """Return the keys of a range that a dataset has to have; of keys that stand alone the last, if it is newer."""
        import numpy as np

        contract, owed_from = self.lake.registry.get(dataset), self.owed_from(dataset)
        begin = contract.cadence.first_from(max(first, owed_from)) if owed_from else last + timedelta(days=1)
        keys = np.arange(np.datetime64(begin), np.datetime64(last) + 1, contract.cadence.step)
        if contract.history == "newest":
            newest, keys = self.newest_valid(dataset), keys[-1:]
            return keys if newest is None else keys[keys > np.datetime64(newest)]
        return keys

    def _last_in_a_row(self, contract: Contract, first: date) -> date | None:
        """Return the last key of the unbroken run of valid keys that begins with a key; None where it is not valid."""
        step, day, plain = timedelta(days=contract.cadence.step), first, self.plain(contract.dataset)
        while (ahead := plain.unbroken_from(day, step.days)) or self.status(contract.dataset, day).valid:
            day += step * (ahead or 1)
        return day - step if day > first else None

    def _first_to_come(self, contract: Contract, first: date) -> date:
        """Return the first key that a dataset without a valid key is to have: of keys that stand alone, the newest."""
        if contract.history == "unbroken":
            return first
        reached = [vtts.date() for spec in contract.inputs if (vtts := self.vtts(spec.dataset).vtts)]
        keys = contract.cadence.keys(first, min(reached, default=first) - timedelta(days=1))
        return max(keys, default=first)

    def _mature_through(self, dataset: str, first: date, last: date | None) -> datetime | None:
        contract = self.lake.registry.get(dataset)
        if last is None or not looks_ahead(contract):
            return None
        known = self.history(dataset)
        day = first_unsettled(contract, known.newest_columns, first, last)
        if day is None:
            return end_of(last)
        return settled_through(contract, known.newest_notes.get(day), day) or (start_of(day) if day > first else None)


def _pin_of(newest: Publication | None, source: str) -> InputPin | None:
    """Return how a publication read its own day of an input; None where it did not read it."""
    pins = newest.run.pins if newest else ()
    return next((pin for pin in pins if pin.dataset == source and newest and newest.day in pin.days), None)


def _invalid(
    contract: Contract, day: date, kind: str, detail: str, next_step: str, cause: Reason | None = None
) -> DayStatus:
    return DayStatus(contract.dataset, day, False, reason=Reason(kind, contract.dataset, day, detail, next_step, cause))
