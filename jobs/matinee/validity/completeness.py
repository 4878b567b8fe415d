"""Completeness of landed days: how many rows a day should have, who says so, and whether the day is over.

A manifest comes first. Sources without manifests are judged by their own history: the same weekdays of the last eight
weeks that are closed or published, scaled by the growth from week to week. What is too few to judge by proves nothing:
the day stays open until a person or a manifest closes it.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from matinee.days import end_of
from matinee.validity.look import Look

WEEKS, COMPARABLE = 8, 4


@dataclass(frozen=True)
class Expectation:
    """How many rows a day should have, and who says so: `manifest`, or so many earlier same weekdays."""

    rows: int
    evidence: str


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
        return Expectation(manifest.expected_rows, "manifest")
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
    # Silence never passes: weekdays that never had a row prove nothing.
    empty = Unknown(f"and nothing closes the day: the {len(weeks)} comparable days before it are empty")
    return Expectation(expected, f"{len(weeks)} earlier same weekdays") if expected else empty


def _comparable(look: Look, dataset: str, day: date) -> dict[int, int]:
    """Return the rows of the same weekdays before a day that are closed or published, by how many weeks ago."""
    found: dict[int, int] = {}
    for week in range(1, WEEKS + 1):
        earlier = day - timedelta(weeks=week)
        if look.valid_from is None or earlier < look.valid_from:
            break
        landed, manifest = look.landed(dataset).get(earlier, 0), look.manifests.get((dataset, earlier))
        if manifest is not None and manifest.closed:
            found[week] = max(landed, manifest.expected_rows)
        elif look.published(dataset, earlier) is not None:
            found[week] = landed
    return found


def expected_by_weeks(weeks: Mapping[int, int]) -> int:
    """Return how many rows a day should have, by those of the same weekdays before it.

    The growth from week to week is the median over the weeks of each week's median ratio to the others, so that nearly
    half of them may be odd. Each week's rows are scaled by it up to the day; their median is expected.

    Args:
        weeks: rows by how many weeks before the day; one at least.
    """
    full = [(week, rows) for week, rows in weeks.items() if rows]
    ratios = [
        statistics.median((rows / other) ** (1 / (before - week)) for before, other in full if before != week)
        for week, rows in full
        if len(full) > 1
    ]
    growth = statistics.median(ratios) if ratios else 1.0
    return round(statistics.median(rows * growth**week for week, rows in weeks.items()))
