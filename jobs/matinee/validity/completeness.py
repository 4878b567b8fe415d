"""Completeness of landed days: how many rows a day should have, who says so, and whether the day is over.

A manifest comes first. Sources without manifests are judged by their own history: the same weekdays of the last eight
weeks that are closed or published, scaled by the growth from week to week. Where these are too few, the day stays open
until a person or a manifest closes it.

Landed rows may repeat others. How many do is known once a run has derived the day: repeats beyond the usual share of
the source then do not count.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from matinee.days import end_of
from matinee.report import Rows
from matinee.validity.look import Look

WEEKS, COMPARABLE, PUBLISHED_DAYS = 8, 4, 28


@dataclass(frozen=True)
class Expectation:
    """How many rows a day should have, and who says so: `manifest`, or so many earlier same weekdays.

    Attributes:
        distinct: whether only rows that repeat no other are expected.
        by_hand: whether a person has declared the day complete as it is, repeats included.
    """

    rows: int
    evidence: str
    distinct: bool = False
    by_hand: bool = False


@dataclass(frozen=True)
class Counted:
    """The rows of a landed day, and how many of them are known to repeat others; `usual` is the share that may."""

    rows: int
    repeats: int = 0
    usual: float = 0.0

    def toward(self, expected: Expectation) -> float:
        """Return how many of the rows count: repeats beyond the usual share do not."""
        if expected.by_hand:
            return self.rows
        return self.rows - (self.repeats if expected.distinct else max(0.0, self.repeats - self.usual * self.rows))

    def cure(self, expected: Expectation) -> str:
        """Return what else a person can do where repeats make the day short; else an empty text."""
        if self.toward(expected) == self.rows or expected.distinct:
            return ""
        return ", state `source.repeats` in its contract where its source always repeats so many"

    def words(self, expected: Expectation) -> str:
        """Return how many of the expected rows there are, who expects them, and how many rows do not count."""
        distinct = self.rows - self.repeats if self.toward(expected) < self.rows else self.rows
        repeats = f"; {self.repeats} of {self.rows} landed rows repeat others" if distinct < self.rows else ""
        share = f"{distinct / expected.rows:.0%}, " if expected.rows else ""
        return f"{distinct} of {expected.rows} rows ({share}by {expected.evidence}{repeats})"


@dataclass(frozen=True)
class Unknown:
    """Why nothing says yet how many rows a day should have."""

    detail: str


def expectation(look: Look, dataset: str, day: date) -> Expectation | Unknown:
    """Return how many rows a day of a raw dataset should have: by its manifest, else by its history.

    An open manifest says that more will come, so nothing is expected yet, whatever the history says.
    """
    manifest = look.manifests.get((dataset, day))
    if manifest is not None and manifest.closed:
        by_hand, distinct = manifest.file is None, manifest.expected_distinct
        if distinct is not None:
            return Expectation(distinct, "manifest", distinct=True, by_hand=by_hand)
        return Expectation(manifest.expected_rows, "manifest", by_hand=by_hand)
    if manifest is not None:
        return Unknown("and its manifest says that more will come")
    return _by_history(look, dataset, day)


def _by_history(look: Look, dataset: str, day: date) -> Expectation | Unknown:
    weeks = _comparable(look, dataset, day)
    over = end_of(day) + look.lake.registry.get(dataset).source_delay
    heard = look.heard(dataset)
    if len(weeks) < COMPARABLE:
        lacking = f"insufficient history, {len(weeks)} of the {COMPARABLE} comparable days that are needed"
        return Unknown(f"and nothing closes the day: no manifest, and {lacking}")
    if heard is None or heard < over:
        last = f"was heard last at {heard:%Y-%m-%d %H:%M:%S} UTC" if heard else "was never heard"
        return Unknown(f"and the day is not over: its source {last}, not after {over:%Y-%m-%d %H:%M:%S} UTC")
    expected = expected_by_weeks(weeks)
    # Weekdays that never had a row prove nothing: an empty day never passes.
    empty = Unknown(f"and nothing closes the day: the {len(weeks)} comparable days before it are empty")
    return Expectation(expected, f"{len(weeks)} earlier same weekdays") if expected else empty


def _comparable(look: Look, dataset: str, day: date) -> dict[int, int]:
    """Return the rows of the same weekdays before a day that are closed or published, by how many weeks ago."""
    rows_by_week: dict[int, int] = {}
    for week in range(1, WEEKS + 1):
        earlier = day - timedelta(weeks=week)
        if look.valid_from is None or earlier < max(look.valid_from, look.begin(dataset)):
            break
        landed, manifest = look.landed(dataset).get(earlier, 0), look.manifests.get((dataset, earlier))
        if manifest is not None and manifest.closed:
            rows_by_week[week] = max(landed, manifest.expected_rows)
        elif look.published_note(dataset, earlier) is not None:
            rows_by_week[week] = landed
    return rows_by_week


def counted(look: Look, dataset: str, day: date, expected: Expectation) -> Counted:
    """Return the rows of a landed day with the repeats that runs have found in it; before a run none is known.

    The repeats of a published day do not count, as the day was judged before; they do where the manifest says how many
    rows repeat no other.
    """
    landed = look.landed(dataset).get(day, 0)
    if look.published_note(dataset, day) is not None and not expected.distinct:
        return Counted(landed)
    # A record that read more rows than are there now may count repeats that are gone.
    records = [
        record for reader in _without_repeats(look, dataset) for record in look.history(reader).by_day.get(day, ())
    ]
    known = [record.rows for record in records if record.rows.read <= landed]
    newest = max(known, key=lambda rows: (rows.read, rows.duplicate), default=None)
    return Counted(landed, newest.duplicate if newest else 0, usual_repeats(look, dataset, day))


def enough(rows: Rows, expected: Expectation, share: float) -> bool:
    """Whether a publication was made of enough rows; this judges days that are published already."""
    return (rows.out if expected.distinct and not expected.by_hand else rows.read) >= share * expected.rows


def usual_repeats(look: Look, dataset: str, day: date) -> float:
    """Return the share of a raw dataset's rows that usually repeat others: the median of the last 28 published days.

    Only days before the given day count; with fewer than four of them the contract gives the share.
    """
    readers = _without_repeats(look, dataset)
    days = {earlier for reader in readers for earlier in look.history(reader).newest_notes if earlier < day}
    newest = (look.published_note(dataset, earlier) for earlier in sorted(days, reverse=True))
    shares = (note.duplicate / note.read for note in newest if note is not None and note.read)
    last = list(islice(shares, PUBLISHED_DAYS))
    return statistics.median(last) if len(last) >= COMPARABLE else look.lake.registry.get(dataset).source_repeats


def _without_repeats(look: Look, dataset: str) -> list[str]:
    """Return the datasets that hold each row of a raw dataset once: their publications count its repeats."""
    identity = look.lake.registry.get(dataset).identity
    return [reader.dataset for reader in look.readers(dataset) if reader.key_columns == identity]


def expected_by_weeks(weeks: Mapping[int, int]) -> int:
    """Return how many rows a day should have, by the rows of the same weekdays before it.

    The growth from week to week is the median over the weeks of each week's median ratio to the others, so that nearly
    half of them may be odd. Each week's rows are scaled by it up to the day; their median is expected.

    Args:
        weeks: rows by how many weeks before the day; at least one week.
    """
    full = [(week, rows) for week, rows in weeks.items() if rows]
    ratios = [
        statistics.median((rows / other) ** (1 / (before - week)) for before, other in full if before != week)
        for week, rows in full
        if len(full) > 1
    ]
    growth = statistics.median(ratios) if ratios else 1.0
    return round(statistics.median(rows * growth**week for week, rows in weeks.items()))
