"""Plays and the truth about them: an impression is picked first, then its play is emitted.

The truth names the PICK and is never recomputed from the events. With `is_last_touch` it says whether the pick was
also the last time that the profile was shown the title before the play; where it is not, an attribution by last touch
must give the play to a later impression. Organic plays are of titles that no home page ever shows. Plays that
would start beyond the last day are never emitted, so impressions of the last hours have a few less.
"""

from dataclasses import dataclass

import numpy as np

from matinee.sources.simulator.columns import DAY, NULL, SECOND, Array
from matinee.sources.simulator.layout import draw
from matinee.sources.simulator.options import SimulatorOptions
from matinee.sources.simulator.visits import Impressions, first_instant

SOURCES = ("home", "search", "deep_link", "autoplay")
HOME = 0
ORGANIC_CHANCES = np.array([0.6, 0.25, 0.15])
ORGANIC = -1
NEVER = int(np.iinfo(np.int64).max)
ROW_DECAY = 0.84
POSITION_DECAY = 0.9
QUICK_SHARE = 0.85
WITHOUT_DURATION_SHARE = 0.05


@dataclass(frozen=True)
class Plays:
    """Plays and their truth; integers of shape (plays,).

    `start` is in microseconds since 1970, `duration` in milliseconds (NULL: unknown). `anchor` is the impression whose
    profile, device, country and app version the play has; `pick` is the impression that it was emitted for (ORGANIC:
    none), and `is_last_touch` says whether no later one came between.
    """

    anchor: Array
    title: Array
    start: Array
    duration: Array
    source: Array
    pick: Array
    is_last_touch: Array


def organic_titles(options: SimulatorOptions) -> int:
    """Return how many titles stand beyond those of the home pages, for organic plays only."""
    return max(20, options.titles // 5)


def simulate_plays(options: SimulatorOptions, impressions: Impressions, rng: np.random.Generator) -> Plays:
    """Return the plays of picked impressions, then the organic ones."""
    pick, start, last_touch = _picked_plays(options, impressions, rng)
    organic = round(options.organic_share / (1 - options.organic_share) * len(pick)) if len(impressions.ts) else 0
    anchor = rng.integers(0, max(1, len(impressions.ts)), organic)
    end = first_instant(options) + options.days * DAY
    seen = impressions.ts[anchor]
    count = len(pick) + organic
    duration = np.minimum(rng.lognormal(13.6, 1.3, count), 4 * 3_600_000.0).astype(np.int64)
    duration[rng.random(count) < WITHOUT_DURATION_SHARE] = NULL
    reserved = options.titles + draw(rng, 1 / np.arange(1.0, 1 + organic_titles(options)), organic)
    return Plays(
        anchor=np.concatenate([pick, anchor]),
        title=np.concatenate([impressions.title[pick], reserved]).astype(np.int32),
        start=np.concatenate([start, _between(rng, seen, np.minimum(seen + 600 * SECOND, end))]),
        duration=duration,
        source=np.concatenate([np.full(len(pick), HOME), 1 + draw(rng, ORGANIC_CHANCES, organic)]).astype(np.int32),
        pick=np.concatenate([pick, np.full(organic, ORGANIC)]),
        is_last_touch=np.concatenate([last_touch, np.zeros(organic, dtype=bool)]),
    )


def _picked_plays(
    options: SimulatorOptions, impressions: Impressions, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return pick, start and whether the pick is the last touch, of each play with an impression."""
    picked = _pick(options, impressions, rng)
    pick = np.repeat(picked, rng.geometric(1 - options.repeat_play_share, len(picked)))
    shown = impressions.ts[pick]
    start = shown + _delays(options, rng, len(pick))
    shown_again = following_times(impressions, pick)
    window = _microseconds(options)

    end = first_instant(options) + options.days * DAY
    can_pass = np.flatnonzero((shown_again != NEVER) & (shown_again < np.minimum(shown + window, end)))
    passing = np.zeros(len(pick), dtype=bool)
    count = min(len(can_pass), round(options.not_last_touch_share * len(pick)))
    passing[rng.choice(can_pass, count, replace=False)] = True
    latest = np.minimum(np.minimum(shown_again[passing] + 600 * SECOND, shown[passing] + window), end - 1)
    start[passing] = _between(rng, shown_again[passing], latest)

    # Every other play starts before the title is shown again; next to a twin of the same instant there is no room.
    cut = ~passing & (start >= shown_again)
    start[cut] = _between(rng, shown[cut], shown_again[cut])
    emitted = (start < end) & (passing | (shown_again > shown))
    return pick[emitted], start[emitted], (start < shown_again)[emitted]


def _pick(options: SimulatorOptions, impressions: Impressions, rng: np.random.Generator) -> Array:
    """Return the impressions that are played: less often further down and to the right, more for appealing titles."""
    appeal = rng.lognormal(0.0, 0.4, options.titles)
    by_place = ROW_DECAY ** np.arange(options.rows)[:, None] * POSITION_DECAY ** np.arange(options.positions)
    chance = appeal[impressions.title] * by_place[impressions.row - 1, impressions.position - 1]
    mean = float(chance.mean()) if len(chance) else 1.0
    return np.flatnonzero(rng.random(len(chance)) * mean < chance * options.take_rate)


def _delays(options: SimulatorOptions, rng: np.random.Generator, count: int) -> Array:
    """Return the microseconds from impression to play: mostly seconds to minutes, else hours, below the window."""
    quick = rng.lognormal(np.log(25), 1.1, count)
    slow = rng.lognormal(np.log(3 * 3600), 0.9, count)
    seconds = np.where(rng.random(count) < QUICK_SHARE, quick, slow)
    return np.minimum((seconds * SECOND).astype(np.int64), _microseconds(options) - 1)


def following_times(impressions: Impressions, picks: Array) -> Array:
    """Return when each pick's title was shown to its profile next: microseconds of shape (picks,), or NEVER."""
    pair = impressions.profile.astype(np.int64) * (int(impressions.title.max(initial=0)) + 1) + impressions.title
    sought = np.unique(pair[picks])
    place = np.searchsorted(sought, pair) if len(sought) else np.zeros(len(pair), dtype=np.int64)
    related = np.flatnonzero(sought[np.minimum(place, len(sought) - 1)] == pair) if len(sought) else place[:0]
    # The order is stable: of the same instant, the impression further down on the page is the later one.
    order = related[np.lexsort((impressions.ts[related], pair[related]))]
    following = np.full(len(pair), NEVER)
    same = pair[order[1:]] == pair[order[:-1]]
    following[order[:-1][same]] = impressions.ts[order[1:][same]]
    return np.asarray(following[picks])


def _between(rng: np.random.Generator, first: Array, after: Array) -> Array:
    """Return an instant of [first, after) for each pair; `first` where that is empty."""
    return rng.integers(first, np.maximum(after, first + 1))


def _microseconds(options: SimulatorOptions) -> int:
    return int(options.window.total_seconds()) * SECOND
