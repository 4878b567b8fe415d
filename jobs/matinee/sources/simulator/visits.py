"""Visits of home pages: who opens one when, and the impressions that this gives."""

from dataclasses import dataclass

import numpy as np

from matinee.sources.simulator.columns import DAY, NULL, Array
from matinee.sources.simulator.layout import (
    FIRST_VIEW,
    REFRESHES,
    TASTES,
    depth_chances,
    draw,
    fill_shelves,
    width_chances,
)
from matinee.sources.simulator.options import SimulatorOptions

SHARED_PROFILE = 0
DEVICES = ("tv", "mobile", "web", "tablet")
DEVICE_CHANCES = np.array([0.52, 0.24, 0.15, 0.09])
COUNTRIES = ("US", "BR", "GB", "DE", "FR", "MX", "IN", "JP", "KR", "ES")
COUNTRY_CHANCES = 1 / np.arange(1.0, 11.0)
APP_VERSIONS = ("8.1.0", "8.1.1", "8.2.0", "8.3.0-beta")
APP_VERSION_CHANCES = np.array([0.25, 0.4, 0.33, 0.02])
# Sessions by UTC hour: a quiet night, a lunch bump, an evening peak.
HOUR_CHANCES = np.array([6, 4, 3, 2, 2, 2, 3, 4, 5, 5, 6, 7, 9, 8, 7, 7, 8, 10, 13, 17, 20, 20, 16, 10], dtype=float)
MORE_PAGES_CHANCES = 0.5 ** np.arange(6)
ROWS_IN_VIEW = 2
MILLISECOND = 1_000


@dataclass(frozen=True)
class Pages:
    """Page visits in the order (profile, time); integers of shape (pages,), `start` in microseconds since 1970."""

    profile: Array
    start: Array
    device: Array
    country: Array
    app_version: Array


@dataclass(frozen=True)
class Impressions:
    """Titles shown, page by page; integers of shape (impressions,), `ts` in microseconds since 1970.

    `page` is a place in `pages`, `slot` counts from 1 on the page. No two impressions of the same profile and title
    have the same `ts`, unless they stand on the same page: then the greater slot is the later one.
    """

    pages: Pages
    page: Array
    slot: Array
    row: Array
    position: Array
    title: Array
    ts: Array

    @property
    def profile(self) -> Array:
        """The profile of each impression."""
        return np.asarray(self.pages.profile[self.page])


def first_instant(options: SimulatorOptions) -> int:
    """Return the start of the first day in microseconds since 1970."""
    return int(np.datetime64(options.first_day, "us").astype(np.int64))


def simulate_visits(options: SimulatorOptions, rng: np.random.Generator) -> Impressions:
    """Return the impressions of all visits; a visit that would run beyond the last day is left out."""
    profile, start = _page_starts(options, rng)
    depth = 1 + draw(rng, depth_chances(options.rows), len(start))
    scroll = rng.integers(400, 4_000, len(start)) * MILLISECOND
    pace = rng.integers(150, 600, len(start)) * MILLISECOND
    end = first_instant(options) + options.days * DAY
    kept = start + depth * scroll + options.positions * pace < end
    profile, start, depth, scroll, pace = (values[kept] for values in (profile, start, depth, scroll, pace))

    pages = _describe_pages(options, rng, profile, start)
    page_of_row = np.repeat(np.arange(len(start), dtype=np.int32), depth)
    row = _places(depth)
    row_start = start[page_of_row] + np.maximum(row + 1 - ROWS_IN_VIEW, 0) * scroll[page_of_row]
    width = 1 + draw(rng, width_chances(options.positions), len(row))
    position = _places(width)
    sideways = np.maximum(position + 1 - FIRST_VIEW, 0)
    shelf = _shelf_places(options, rng, pages)[page_of_row] + row * options.positions
    shelves = fill_shelves(
        rng, days=options.days, titles=options.titles, rows=options.rows, positions=options.positions
    ).ravel()
    return Impressions(
        pages=pages,
        page=np.repeat(page_of_row, width),
        slot=(1 + _places(np.add.reduceat(width, np.cumsum(depth) - depth) if len(depth) else width)).astype(np.int32),
        row=np.repeat((1 + row).astype(np.int32), width),
        position=(1 + position).astype(np.int32),
        title=shelves[np.repeat(shelf, width) + position],
        ts=np.repeat(row_start, width) + sideways * np.repeat(pace[page_of_row], width),
    )


def _page_starts(options: SimulatorOptions, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return profile and start (microseconds) of each page visit, in the order (profile, time)."""
    mean_pages = float(MORE_PAGES_CHANCES @ np.arange(1, 7) / MORE_PAGES_CHANCES.sum())
    sessions = max(1, round(options.pages / mean_pages))
    who = draw(rng, _activity(options, rng), sessions)
    hour = rng.integers(0, options.days, sessions) * 24 + draw(rng, HOUR_CHANCES, sessions)
    opened = hour * 3_600_000 + rng.integers(0, 3_600_000, sessions)
    lengths = 1 + draw(rng, MORE_PAGES_CHANCES, sessions)
    elapsed = np.cumsum(20_000 + rng.exponential(240_000, int(lengths.sum())).astype(np.int64))
    first_page = np.cumsum(lengths) - lengths
    offset = elapsed - np.repeat(elapsed[first_page], lengths)
    profile = np.repeat(who, lengths)
    milliseconds = np.repeat(opened, lengths) + offset
    order = np.lexsort((milliseconds, profile))
    # Times on a page differ from its start by whole milliseconds, so a microsecond part of its own keeps apart the
    # pages that a shared profile has open at the same moment.
    own_part = np.arange(len(order)) % MILLISECOND
    start = first_instant(options) + milliseconds[order] * MILLISECOND + own_part
    return profile[order].astype(np.int32), start


def _activity(options: SimulatorOptions, rng: np.random.Generator) -> Array:
    """Return the chance of each profile to be the one that opens a session: float64 of shape (profiles,)."""
    weight = np.asarray(rng.lognormal(0.0, 1.2, options.profiles))
    weight[SHARED_PROFILE] = 0.0
    others = float(weight.sum())
    if others == 0.0:
        return np.ones(1)
    chances = weight / others * (1 - options.shared_profile_share)
    chances[SHARED_PROFILE] = options.shared_profile_share
    return chances


def _describe_pages(options: SimulatorOptions, rng: np.random.Generator, profile: Array, start: Array) -> Pages:
    """Add device, country and app version: mostly the profile's own, now and then another device or none known."""
    own_device = draw(rng, DEVICE_CHANCES, options.profiles)
    own_device[SHARED_PROFILE] = DEVICES.index("tv")
    own_country = draw(rng, COUNTRY_CHANCES, options.profiles)
    device = own_device[profile]
    away = (rng.random(len(profile)) < 0.15) & (profile != SHARED_PROFILE)
    device[away] = draw(rng, DEVICE_CHANCES, int(away.sum()))
    return Pages(
        profile=profile,
        start=start,
        device=_unknown_now_and_then(rng, device),
        country=_unknown_now_and_then(rng, own_country[profile]),
        app_version=draw(rng, APP_VERSION_CHANCES, len(profile)).astype(np.int32),
    )


def _unknown_now_and_then(rng: np.random.Generator, codes: Array) -> Array:
    """Return the codes as int32, one in a hundred of them missing."""
    known = codes.astype(np.int32)
    known[rng.random(len(known)) < 0.01] = NULL
    return known


def _shelf_places(options: SimulatorOptions, rng: np.random.Generator, pages: Pages) -> Array:
    """Return where the first row of each page begins in the flat array of shelves."""
    taste = rng.integers(0, TASTES, options.profiles)[pages.profile]
    day = (pages.start - first_instant(options)) // DAY
    refresh = rng.integers(0, REFRESHES, len(pages.profile))
    return np.asarray(((taste * options.days + day) * REFRESHES + refresh) * options.rows * options.positions)


def _places(lengths: Array) -> Array:
    """Return 0..length-1 for each length, one after the other."""
    first = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) - np.repeat(first, lengths))
