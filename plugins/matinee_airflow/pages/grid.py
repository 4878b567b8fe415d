"""The grid of days as inline SVG: a row for each dataset, a rectangle for each run of days in the same state."""

from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup

from matinee.days import day_range
from matinee.healing.day_states import DatasetDays

#: Up to so many days a line parts each day from the next.
PARTED = 120


def row_of(shown: DatasetDays, first: date, last: date) -> Markup:
    """Return the row of one dataset for a range of days; days that the dataset does not owe stay empty."""
    width = (last - first).days + 1
    begin = max(first, shown.first) if shown.first else last + timedelta(days=1)
    rectangles = []
    for state, days in groupby(day_range(begin, last), lambda day: state_on(shown, day)):
        run = list(days)
        if not state:
            continue
        top, height = (2, 8) if state == "valid" else (0, 12)  # The form tells, too, not the colour alone.
        rectangles.append(
            f'<rect class="{state}" x="{(run[0] - first).days}" y="{top}" width="{len(run)}" height="{height}"/>'
        )
    lines = '<use href="#days"/>' if width <= PARTED else ""
    return Markup(  # noqa: S704 - states and numbers only
        f'<svg class="days" viewBox="0 0 {width} 12" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(rectangles)}{lines}</svg>"
    )


def lines_of(first: date, last: date) -> Markup:
    """Return the lines between the days of a range, which the rows share."""
    width = (last - first).days + 1
    lines = "".join(f"M{place} 0V12" for place in range(1, width)) if width <= PARTED else ""
    return Markup(f'<path id="days" d="{lines}"/>')  # noqa: S704 - numbers only


def counts_of(shown: DatasetDays, first: date, last: date) -> dict[str, int]:
    """Return how many days of a range have each state other than valid."""
    counts: dict[str, int] = {}
    for day, other in shown.others.items():
        if first <= day <= last:
            counts[other.state] = counts.get(other.state, 0) + 1
    return dict(sorted(counts.items()))


def state_on(shown: DatasetDays, day: date) -> str:
    """Return the state of a day; empty where it is no key of the dataset."""
    other = shown.others.get(day)
    return other.state if other else "valid" if day in shown.days else ""
