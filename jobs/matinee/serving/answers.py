"""Answers of `ImpressionStore` as pure functions: parts of what was seen become rows, and rows become a page."""

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge, nsmallest
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from matinee.serving.impressions import Seen, added

#: A key of a profile, a title and a location as bytes, and what was seen there; the averages are as of one instant.
Part = tuple[bytes, Seen]
Sorted = tuple[float | int, str, str]
NOTHING = Seen()
#: The order in which rows come anyway.
_BY_TITLE = 0


class Row(NamedTuple):
    """A row of an answer; no location: over all."""

    title: str
    location: str
    seen: Seen


def rows(base: Iterable[Part], delta: Iterable[Part], names: Callable[[bytes], tuple[str, str]]) -> Iterator[Row]:
    """Yield a row for each key, in the order of the keys.

    Args:
        base, delta: in the order of the keys; of the delta a key may come several times.
        names: from a key to its title and location.
    """
    for key, parts in groupby(merge(base, delta, key=itemgetter(0)), itemgetter(0)):
        yield Row(*names(key), added(seen for _, seen in parts))


def of_locations(every: Iterable[Row], locations: Collection[str]) -> Iterator[Row]:
    """Yield the rows of some locations; where none is named, of all."""
    return (row for row in every if not locations or row.location in locations)


def summed(every: Iterable[Row]) -> Iterator[Row]:
    """Yield a row a title, over its locations, of rows in the order of titles."""
    for title, group in groupby(every, itemgetter(0)):
        yield Row(title, "", added(row.seen for row in group))


def page(every: Iterable[Row], order: int, limit: int, after: Sorted | None) -> tuple[list[Row], Sorted | None]:
    """Return a page of rows, and what the next page begins after; None: the page is the last.

    Args:
        every: all rows of a profile, in the order of title and location.
        order: a number of `Order`.
        limit: of rows.
        after: what the page before ended with.
    """
    wanted = (row for row in every if after is None or place(row, order) > after)
    if order == _BY_TITLE:
        taken = list(islice(wanted, limit + 1))
    else:
        taken = nsmallest(limit + 1, wanted, lambda row: place(row, order))
    kept = taken[:limit]
    return kept, place(kept[-1], order) if len(taken) > limit else None


def place(row: Row, order: int) -> Sorted:
    """Return where a row stands in an order: the largest first, equal rows by title and location."""
    seen = row.seen
    values = (0, seen.last_us or 0, seen.impressions, *seen.averages)
    return -values[order], row.title, row.location
