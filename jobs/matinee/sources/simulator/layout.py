"""Home pages: how much of a page a visit sees, and which titles its named rows hold.

A page is `rows` named rows of `positions` titles. Rows are filled ahead of the visits, per taste, day and refresh, as a
recommender does it: so the same title comes back to the same profile on later pages, and at times twice on one page.
"""

from functools import lru_cache

import numpy as np

from matinee.sources.simulator.columns import Array

# The first two hold titles of every genre; the others one genre each.
ROW_NAMES = ("Popular now", "New", "Crime", "Animation", "Romance", "Drama", "Sci-Fi", "Horror", "Fantasy", "Action",
             "Comedy", "Thriller")  # fmt: skip
SHARED_ROWS = 2
GENRES = len(ROW_NAMES) - SHARED_ROWS
TASTES = 16
REFRESHES = 3
NEXT_ROW_IS_SEEN = 0.82
FIRST_VIEW = 6
NEXT_POSITION_IS_SEEN = 0.8
SCROLLS_SIDEWAYS = 0.3
# One title in so many is new; a multiple of the number of genres would make all new titles one genre.
NEW_EVERY = GENRES + 1
POPULARITY_EXPONENT = 0.9


@lru_cache
def depth_chances(rows: int) -> Array:
    """Return the chance to see exactly 1..rows rows, float64 of shape (rows,)."""
    chances = NEXT_ROW_IS_SEEN ** np.arange(rows, dtype=float)
    return np.asarray(chances / chances.sum())


@lru_cache
def width_chances(positions: int) -> Array:
    """Return the chance to see exactly 1..positions titles of a row, float64 of shape (positions,).

    The first view shows a few titles at once; only some visits scroll sideways for more.
    """
    first_view = min(FIRST_VIEW, positions)
    chances = np.zeros(positions)
    further = NEXT_POSITION_IS_SEEN ** np.arange(positions - first_view, dtype=float)
    chances[first_view:] = SCROLLS_SIDEWAYS * further / max(further.sum(), 1.0)
    chances[first_view - 1] = 1 - chances.sum()
    return chances


def mean_impressions_per_page(rows: int, positions: int) -> float:
    """Return how many impressions a visit of one page gives on average."""
    depth = float(depth_chances(rows) @ np.arange(1, rows + 1))
    width = float(width_chances(positions) @ np.arange(1, positions + 1))
    return depth * width


def draw(rng: np.random.Generator, chances: Array, count: int) -> Array:
    """Return `count` numbers from 0 on, drawn by their chances: int64 of shape (count,)."""
    cumulated = np.cumsum(chances)
    return np.searchsorted(cumulated[:-1] / cumulated[-1], rng.random(count), side="right")


def fill_shelves(rng: np.random.Generator, *, days: int, titles: int, rows: int, positions: int) -> Array:
    """Return the title code at each place: int32 of shape (TASTES, days, REFRESHES, rows, positions).

    Titles are popular by Zipf's law and stand once in a row; the order of the genres depends on the taste.
    """
    fillings = TASTES * days * REFRESHES
    shelves = np.empty((len(ROW_NAMES), fillings, positions), dtype=np.int32)
    for name, candidates in enumerate(_candidates(rng, titles)):
        weight = -POPULARITY_EXPONENT * np.log1p(candidates, dtype=np.float32)
        for first in range(0, fillings, 4096):
            part = shelves[name, first : first + 4096]
            # Gumbel noise on the log weights: the greatest ones are a weighted draw without repeats.
            noise = rng.gumbel(size=(len(part), len(candidates))).astype(np.float32)
            part[:] = candidates[np.argsort(-(weight + noise), axis=1, kind="stable")[:, :positions]]
    order = np.empty((TASTES, rows), dtype=np.int64)
    for taste in range(TASTES):
        genres = SHARED_ROWS + rng.permutation(GENRES)
        order[taste] = np.concatenate([np.arange(SHARED_ROWS), genres])[:rows]
    by_name = shelves.reshape(len(ROW_NAMES), TASTES, days, REFRESHES, positions)
    return np.stack([by_name[order[taste], taste] for taste in range(TASTES)]).transpose(0, 2, 3, 1, 4).copy()


def _candidates(rng: np.random.Generator, titles: int) -> list[Array]:
    """Return the titles that each named row may hold; a title has one genre or two."""
    codes = np.arange(titles)
    second = rng.integers(0, GENRES, titles)
    has_second = rng.random(titles) < 0.4
    genres = [codes[(codes % GENRES == genre) | (has_second & (second == genre))] for genre in range(GENRES)]
    return [codes, codes[codes % NEW_EVERY == NEW_EVERY // 2], *genres]
