"""The simulation in memory: events, their deliveries and the truth, without files.

Sessions give impressions, impressions give plays, both give deliveries; each stage has a random stream of its own, so
that e.g. another share of duplicates leaves the plays as they are.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matinee.sources.simulator import columns
from matinee.sources.simulator.columns import DAY, HOUR, NULL, Array, Column, Frame, Kind
from matinee.sources.simulator.delivery import DEFECTS, Delivery, defects_of, deliver
from matinee.sources.simulator.options import SimulatorOptions
from matinee.sources.simulator.plays import ORGANIC, SOURCES, Plays, organic_titles, simulate_plays
from matinee.sources.simulator.visits import (
    APP_VERSIONS,
    COUNTRIES,
    DEVICES,
    SHARED_PROFILE,
    Impressions,
    simulate_visits,
)

if TYPE_CHECKING:
    import pyarrow as pa

NEXT_APP_VERSION = "8.3.0"


@dataclass(frozen=True)
class Events:
    """The distinct events of one dataset and the lines that bring them.

    `frame` has the fields of the landing files but `received_ts`; `time_field` is its event time, `typed_field` the
    field that has the wrong type in a line with that defect.
    """

    dataset: str
    time_field: str
    typed_field: str
    frame: Frame
    delivery: Delivery

    def __len__(self) -> int:
        return len(self.frame[self.time_field].values)

    def to_arrow(self) -> "pa.Table":
        """Return each event once, as first received: a `pyarrow.Table` in file order."""
        first = self.delivery.take(np.flatnonzero(~self.delivery.again & (self.delivery.defect == 0)))
        return columns.to_arrow(self.lines(first))

    def lines(self, delivery: Delivery) -> dict[str, Column]:
        """Return the values of the lines, with the altered copies and the defects that a value can show."""
        frame = columns.take(self.frame, delivery.event)
        frame["received_ts"] = Column(Kind.INSTANT, delivery.received, required=False)
        self._alter(frame, delivery.altered)
        self._spoil(frame, delivery)
        return frame

    def _alter(self, frame: dict[str, Column], altered: Array) -> None:
        """Give re-sent lines another payload: from an updated app, or after watching on for a while."""
        if not altered.any():
            return
        app = frame["app_version"]
        frame["app_version"] = app.with_values(np.where(altered, len(APP_VERSIONS), app.values))
        if "duration_s" in frame:
            watched = frame["duration_s"].values
            longer = np.where(watched == NULL, 60_000, watched + 30_000)
            frame["duration_s"] = frame["duration_s"].with_values(np.where(altered, longer, watched))

    def _spoil(self, frame: dict[str, Column], delivery: Delivery) -> None:
        if not delivery.defect.any():
            return
        having = {name: delivery.defect == code for code, name in enumerate(DEFECTS)}
        required = [name for name, column in frame.items() if column.required]
        for place, name in enumerate(required):
            lost = having["missing_field"] & (delivery.event % len(required) == place)
            if lost.any():
                frame[name] = frame[name].with_missing(lost)
        time = frame[self.time_field]
        ahead = np.where(having["event_after_received"], delivery.received + DAY + HOUR, time.values)
        early = np.where(having["event_before_earliest"], time.values % DAY, ahead)
        frame[self.time_field] = time.with_values(early)
        if "duration_s" in frame:
            watched = frame["duration_s"]
            negative = -1 - np.abs(watched.values) % 3_600_000
            frame["duration_s"] = watched.with_values(np.where(having["negative_duration"], negative, watched.values))


@dataclass(frozen=True)
class Simulation:
    """Everything that was generated; the truth was recorded as each play was emitted (see `plays`).

    `picks` gives the place of the picked impression for each play (ORGANIC: none), `is_last_touch` whether none of
    the same profile and title came between it and the play.
    """

    options: SimulatorOptions
    impressions: Events
    plays: Events
    picks: Array
    is_last_touch: Array

    @property
    def truth_event_id(self) -> Array:
        """The id of each play's picked impression, bytes of shape (plays,); empty for an organic play."""
        ids = self.impressions.frame["event_id"].values
        event_ids = np.zeros(len(self.picks), dtype=ids.dtype)
        picked = self.picks != ORGANIC
        event_ids[picked] = ids[self.picks[picked]]
        return event_ids

    @property
    def shared_profile_id(self) -> str:
        """The id of the profile that many people share."""
        return bytes(self.impressions.frame["profile_id"].words[SHARED_PROFILE]).decode()


def generate(options: SimulatorOptions) -> Simulation:
    """Simulate the events in memory; the same options give the same simulation."""
    visits, playing, names, impression_lines, play_lines = np.random.default_rng(options.seed).spawn(5)
    impressions = simulate_visits(options, visits)
    plays = simulate_plays(options, impressions, playing)
    words = {
        "profile_id": columns.numbered("p", options.profiles, 7),
        "title_id": columns.numbered("t", options.titles + organic_titles(options), 5),
        "device": columns.vocabulary([*DEVICES]),
        "country": columns.vocabulary([*COUNTRIES]),
        "app_version": columns.vocabulary([*APP_VERSIONS, NEXT_APP_VERSION]),
        "source": columns.vocabulary([*SOURCES]),
        "page_id": columns.scrambled_ids(len(impressions.pages.start), int(names.integers(0, 2**48))),
    }
    play_ids = columns.scrambled_ids(len(plays.start), int(names.integers(0, 2**48)))
    shown_in, played_in = (defects_of(options.file_format, durations=known) for known in (False, True))
    each = np.arange(len(plays.start))
    return Simulation(
        options=options,
        impressions=Events(
            "raw.impressions",
            "event_ts",
            "row",
            _impression_frame(impressions, words),
            deliver(options, impression_lines, impressions.ts, impressions.page, shown_in),
        ),
        plays=Events(
            "raw.plays",
            "start_ts",
            "duration_s",
            _play_frame(impressions, plays, play_ids, words),
            deliver(options, play_lines, plays.start, each, played_in),
        ),
        picks=plays.pick,
        is_last_touch=plays.is_last_touch,
    )


def _impression_frame(impressions: Impressions, words: dict[str, Array]) -> dict[str, Column]:
    pages, page = impressions.pages, impressions.page
    slots = columns.numbered("-", int(impressions.slot.max(initial=0)) + 1, 3)
    ids = np.empty(len(page), dtype=[("page", "S12"), ("slot", slots.dtype)])
    ids["page"], ids["slot"] = words["page_id"][page], slots[impressions.slot]
    return {
        "event_id": Column(Kind.ID, ids.view(f"S{ids.dtype.itemsize}")),
        "profile_id": Column(Kind.CODE, impressions.profile, words["profile_id"]),
        "title_id": Column(Kind.CODE, impressions.title, words["title_id"]),
        "row": Column(Kind.COUNT, impressions.row),
        "position": Column(Kind.COUNT, impressions.position),
        "event_ts": Column(Kind.INSTANT, impressions.ts),
        "device": Column(Kind.CODE, pages.device[page], words["device"], required=False),
        "country": Column(Kind.CODE, pages.country[page], words["country"], required=False),
        "page_id": Column(Kind.CODE, page, words["page_id"], required=False),
        "app_version": Column(Kind.CODE, pages.app_version[page], words["app_version"], required=False),
    }


def _play_frame(impressions: Impressions, plays: Plays, ids: Array, words: dict[str, Array]) -> dict[str, Column]:
    pages, page = impressions.pages, impressions.page[plays.anchor]
    return {
        "play_id": Column(Kind.ID, ids),
        "profile_id": Column(Kind.CODE, pages.profile[page], words["profile_id"]),
        "title_id": Column(Kind.CODE, plays.title, words["title_id"]),
        "start_ts": Column(Kind.INSTANT, plays.start),
        "duration_s": Column(Kind.MILLISECONDS, plays.duration, required=False),
        "device": Column(Kind.CODE, pages.device[page], words["device"], required=False),
        "country": Column(Kind.CODE, pages.country[page], words["country"], required=False),
        "source": Column(Kind.CODE, plays.source, words["source"], required=False),
        "app_version": Column(Kind.CODE, pages.app_version[page], words["app_version"], required=False),
    }
