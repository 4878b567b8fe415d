"""Sizes, shares and shapes of a simulation in memory."""

from dataclasses import replace

import numpy as np
import pytest

from matinee.errors import UsageError
from matinee.sources.simulator import Simulation, SimulatorOptions, generate
from matinee.sources.simulator.columns import NULL

OPTIONS = SimulatorOptions(
    seed=5, not_last_touch_share=0.02, duplicate_share=0.03, late_share=0.05, broken_share=0.01, altered_share=0.2
)
HOUR = 3_600 * 1_000_000


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return generate(OPTIONS)


def test_the_default_sizes_are_those_of_a_demo() -> None:
    simulation = generate(SimulatorOptions())
    assert 60_000 < len(simulation.impressions) < 100_000
    assert 3_500 < len(simulation.plays) < 6_500


def test_a_number_of_events_can_be_asked_for() -> None:
    simulation = generate(SimulatorOptions().sized(400_000))
    assert len(simulation.impressions) + len(simulation.plays) == pytest.approx(400_000, rel=0.05)


def test_a_few_per_cent_of_the_impressions_are_picked(simulation: Simulation) -> None:
    picked = np.unique(simulation.picks[simulation.picks >= 0])
    assert len(picked) / len(simulation.impressions) == pytest.approx(OPTIONS.take_rate, rel=0.1)


def test_the_take_rate_falls_with_row_and_position() -> None:
    simulation = generate(SimulatorOptions().sized(400_000))
    frame = simulation.impressions.frame
    won = np.bincount(simulation.picks[simulation.picks >= 0], minlength=len(simulation.impressions)) > 0
    for name, far in (("row", 6), ("position", 8)):
        place = frame[name].values
        assert won[place <= 2].mean() > won[(place > 2) & (place < far)].mean() > won[place >= far].mean()


def test_organic_plays_have_their_share(simulation: Simulation) -> None:
    assert (simulation.picks < 0).mean() == pytest.approx(OPTIONS.organic_share, abs=0.005)


def test_plays_that_are_not_of_the_last_touch_have_their_share(simulation: Simulation) -> None:
    of_picks = ~simulation.is_last_touch[simulation.picks >= 0]
    assert of_picks.mean() == pytest.approx(OPTIONS.not_last_touch_share, abs=0.003)


def test_one_impression_may_have_several_plays(simulation: Simulation) -> None:
    _, times = np.unique(simulation.picks[simulation.picks >= 0], return_counts=True)
    assert times.max() > 1


def test_the_shared_profile_has_its_share_and_the_others_are_uneven(simulation: Simulation) -> None:
    sizes = np.bincount(simulation.impressions.frame["profile_id"].values, minlength=OPTIONS.profiles)
    assert sizes[0] / sizes.sum() == pytest.approx(OPTIONS.shared_profile_share, abs=0.02)
    others = np.sort(sizes[1:])[::-1]
    assert others[: len(others) // 10].sum() > 0.3 * others.sum()


def test_few_titles_make_most_impressions(simulation: Simulation) -> None:
    sizes = np.sort(np.bincount(simulation.impressions.frame["title_id"].values))[::-1]
    assert sizes[: OPTIONS.titles // 10].sum() > 0.4 * sizes.sum()


def test_a_row_of_a_page_holds_a_title_once(simulation: Simulation) -> None:
    frame = simulation.impressions.frame
    cells = np.stack([frame[name].values for name in ("page_id", "row", "title_id")], axis=1)
    assert len(np.unique(cells, axis=0)) == len(cells)


def test_duplicates_have_their_share_and_come_later(simulation: Simulation) -> None:
    lines = simulation.impressions.delivery
    first = np.empty(len(simulation.impressions), dtype=np.int64)
    new = ~lines.again & (lines.defect == 0)
    first[lines.event[new]] = lines.received[new]
    assert lines.again.sum() == round(OPTIONS.duplicate_share * len(simulation.impressions))
    assert (lines.received[lines.again] > first[lines.event[lines.again]]).all()


def test_a_share_of_the_duplicates_has_another_payload(simulation: Simulation) -> None:
    lines = simulation.impressions.delivery
    assert not lines.altered[~lines.again].any()
    assert lines.altered[lines.again].mean() == pytest.approx(OPTIONS.altered_share, abs=0.05)
    altered = lines.take(np.flatnonzero(lines.altered))
    sent = simulation.impressions.lines(altered)["app_version"].values
    assert (sent != simulation.impressions.frame["app_version"].values[altered.event]).all()


def test_late_events_have_their_share_and_are_received_within_about_a_day(simulation: Simulation) -> None:
    lines = simulation.impressions.delivery
    new = ~lines.again & (lines.defect == 0)
    waited = lines.received[new] - simulation.impressions.frame["event_ts"].values[lines.event[new]]
    assert waited.min() > 0
    assert waited.max() < 26 * HOUR
    assert (waited > HOUR).mean() == pytest.approx(OPTIONS.late_share, abs=0.015)


def test_broken_lines_have_their_share(simulation: Simulation) -> None:
    for events in (simulation.impressions, simulation.plays):
        assert (events.delivery.defect > 0).sum() == round(OPTIONS.broken_share * len(events))


def test_every_event_also_lands_once_in_good_order(simulation: Simulation) -> None:
    for events in (simulation.impressions, simulation.plays):
        lines = events.delivery
        new = lines.event[~lines.again & (lines.defect == 0)]
        assert (np.sort(new) == np.arange(len(events))).all()


def test_lines_do_not_stand_in_the_order_of_their_arrival(simulation: Simulation) -> None:
    assert (np.diff(simulation.impressions.delivery.received) < 0).mean() > 0.01
    ordered = generate(replace(OPTIONS, out_of_order_share=0.0))
    assert (np.diff(ordered.impressions.delivery.received) >= 0).all()


def test_another_share_of_duplicates_leaves_events_and_truth_as_they_are(simulation: Simulation) -> None:
    other = generate(replace(OPTIONS, duplicate_share=0.3))
    assert (other.truth_event_id == simulation.truth_event_id).all()
    assert (other.impressions.frame["event_ts"].values == simulation.impressions.frame["event_ts"].values).all()


def test_some_devices_countries_and_durations_are_unknown(simulation: Simulation) -> None:
    for name in ("device", "country", "duration_s"):
        assert 0 < (simulation.plays.frame[name].values == NULL).mean() < 0.1


def test_events_in_memory_have_the_fields_and_types_of_landing_files(simulation: Simulation) -> None:
    impressions, plays = simulation.impressions.to_arrow(), simulation.plays.to_arrow()
    assert len(impressions) == len(simulation.impressions)
    assert len(plays) == len(simulation.plays)
    assert {field.name: str(field.type) for field in plays.schema} == {
        "play_id": "string",
        "profile_id": "string",
        "title_id": "string",
        "start_ts": "timestamp[us, tz=UTC]",
        "duration_s": "double",
        "device": "string",
        "country": "string",
        "source": "string",
        "app_version": "string",
        "received_ts": "timestamp[us, tz=UTC]",
    }
    assert impressions.schema.names == [
        "event_id", "profile_id", "title_id", "row", "position", "event_ts", "device", "country", "page_id",
        "app_version", "received_ts",
    ]  # fmt: skip


@pytest.mark.parametrize("profiles", [1, 2])
@pytest.mark.parametrize("rows", [1, 12])
def test_the_smallest_simulations_work(profiles: int, rows: int) -> None:
    options = SimulatorOptions(days=1, profiles=profiles, rows=rows, positions=1, titles=20, events_per_profile=1.0)
    simulation = generate(options)
    assert len(simulation.truth_event_id) == len(simulation.plays)
    assert len(simulation.plays.to_arrow()) == len(simulation.plays)


@pytest.mark.parametrize(
    ("name", "value"),
    [("days", 0), ("late_share", 1.5), ("organic_share", 1.0), ("titles", 10), ("rows", 99), ("file_format", "csv")],
)
def test_an_option_out_of_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name}={value}"):
        SimulatorOptions(**{name: value})  # type: ignore[arg-type]
