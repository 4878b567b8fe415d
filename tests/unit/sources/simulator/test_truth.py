"""The truth of the simulator against the events it generates, by brute force."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from matinee.sources.simulator import Simulation, SimulatorOptions, generate

WINDOW = 24 * 3_600 * 1_000_000
SMALL = SimulatorOptions(days=2, profiles=60, seed=11, not_last_touch_share=0.1, organic_share=0.2)


@pytest.fixture(scope="module")
def small() -> Simulation:
    return generate(SMALL)


def rows(simulation: Simulation, dataset: str) -> list[dict[str, Any]]:
    """Each event once, in the order they were generated, times in microseconds."""
    frame = getattr(simulation, dataset).frame
    lists = {
        name: (c.words[np.maximum(c.values, 0)] if c.vocabulary is not None else c.values) for name, c in frame.items()
    }
    return [dict(zip(lists, values, strict=True)) for values in zip(*(v.tolist() for v in lists.values()), strict=True)]


def touches(simulation: Simulation) -> dict[tuple[bytes, bytes], list[tuple[int, bytes]]]:
    """All (event_ts, event_id) of a (profile, title), in order."""
    impressions = defaultdict(list)
    for shown in rows(simulation, "impressions"):
        impressions[shown["profile_id"], shown["title_id"]].append((shown["event_ts"], shown["event_id"]))
    return {key: sorted(times) for key, times in impressions.items()}


def last_touch(times: list[tuple[int, bytes]], start: int) -> bytes:
    """The id of the last impression at or before the play within the window; empty if there is none."""
    place = bisect_right(times, (start, b"\xff")) - 1
    return times[place][1] if place >= 0 and start - times[place][0] <= WINDOW else b""


def test_a_pick_has_the_profile_and_title_of_its_play(small: Simulation) -> None:
    shown, played = rows(small, "impressions"), rows(small, "plays")
    pairs = [(play, shown[pick]) for play, pick in zip(played, small.picks, strict=True) if pick >= 0]
    assert len(pairs) > 50
    assert all(
        play["profile_id"] == pick["profile_id"] and play["title_id"] == pick["title_id"] for play, pick in pairs
    )


def test_a_play_starts_within_the_window_after_its_pick(small: Simulation) -> None:
    picked = small.picks >= 0
    delay = (
        small.plays.frame["start_ts"].values[picked] - small.impressions.frame["event_ts"].values[small.picks[picked]]
    )
    assert delay.min() >= 0
    assert delay.max() < WINDOW


def test_an_organic_play_has_no_impression_within_the_window(small: Simulation) -> None:
    shown = touches(small)
    organic = [play for play, pick in zip(rows(small, "plays"), small.picks, strict=True) if pick < 0]
    assert len(organic) > 20
    assert all(not last_touch(shown.get((p["profile_id"], p["title_id"]), []), p["start_ts"]) for p in organic)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_last_touch_flag_is_what_brute_force_finds(seed: int) -> None:
    simulation = generate(replace(SMALL, seed=seed))
    shown = touches(simulation)
    last_touches = [
        last_touch(shown.get((p["profile_id"], p["title_id"]), []), p["start_ts"]) for p in rows(simulation, "plays")
    ]
    picked = simulation.picks >= 0
    is_last = (np.array(last_touches) == simulation.truth_event_id) & picked
    assert (is_last == simulation.is_last_touch).all()
    assert (picked & ~is_last).sum() > 0


def test_no_play_is_passed_by_a_later_impression_when_none_is_asked_for() -> None:
    simulation = generate(replace(SMALL, not_last_touch_share=0.0))
    assert simulation.is_last_touch[simulation.picks >= 0].all()


def test_some_titles_are_shown_twice_at_the_same_instant(small: Simulation) -> None:
    instants = [(key, ts) for key, times in touches(small).items() for ts, _ in times]
    assert len(set(instants)) < len(instants)


def test_ids_do_not_order_by_time(small: Simulation) -> None:
    for name, time in (("impressions", "event_ts"), ("plays", "start_ts")):
        events = rows(small, name)
        by_time = [next(iter(e.values())) for e in sorted(events, key=lambda e, time=time: e[time])]
        assert by_time != sorted(by_time)


def test_ids_are_unique(small: Simulation) -> None:
    for events, key in ((small.impressions, "event_id"), (small.plays, "play_id")):
        assert len(np.unique(events.frame[key].values)) == len(events)


def test_some_picks_are_played_on_the_next_day() -> None:
    simulation = generate(SimulatorOptions())
    picked = simulation.picks >= 0
    day = 24 * 3_600 * 1_000_000
    shown_on = simulation.impressions.frame["event_ts"].values[simulation.picks[picked]] // day
    assert ((simulation.plays.frame["start_ts"].values[picked] // day) > shown_on).sum() > 10


def test_all_events_fall_on_the_simulated_days(small: Simulation) -> None:
    first = np.datetime64(SMALL.first_day, "us").astype(np.int64)
    for events in (small.impressions, small.plays):
        time = events.frame[events.time_field].values
        assert time.min() >= first
        assert time.max() < first + SMALL.days * 24 * 3_600 * 1_000_000
