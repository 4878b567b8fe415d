"""What to simulate: days, sizes, and the share of every irregularity."""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Literal

from matinee.errors import UsageError
from matinee.sources.simulator.layout import mean_impressions_per_page

FileFormat = Literal["ndjson", "ndjson.gz", "parquet"]
FORMATS: tuple[FileFormat, ...] = ("ndjson", "ndjson.gz", "parquet")
MAX_ROWS = 12
MAX_POSITIONS = 40


@dataclass(frozen=True)
class SimulatorOptions:
    """Arguments of the simulator; every share is between 0 and 1.

    Args:
        days: simulated event days, from `first_day` on (UTC).
        profiles: how many profiles; their activity has a heavy tail.
        seed: the same options give the same bytes in every file.
        titles: titles that home pages show; a reserved range of further titles is only ever played organically.
        rows, positions: size of a home page; a visit sees a part of it.
        events_per_profile: mean impressions and plays of one profile on one day.
        shared_profile_share: of the events, those of the one shared-TV profile.
        take_rate: of the impressions, those that are picked for a play.
        organic_share: of the plays, those without an impression.
        repeat_play_share: chance that a picked impression is played once more, and again.
        not_last_touch_share: of the plays with an impression, those before which the title was shown once more.
        duplicate_share: lines sent again, per event; altered_share: of those, with another payload.
        late_share: of the uploads, those that arrive hours to a day after their events.
        out_of_order_share: of the lines, those that stand up to 15 minutes away from their place in the file.
        broken_share: of the events, how many broken lines there are besides.
        incomplete_file_share: of the NDJSON files, those whose last line is cut off.
        window: the attribution window: no play comes later than this after the impression it was picked for.
        file_format: what the files hold; Parquet cannot hold every broken line (see `delivery.defects_of`).
        lines_per_file: largest number of lines of one file.

    Raises:
        UsageError: a value is out of its range.
    """

    days: int = 3
    profiles: int = 600
    seed: int = 7
    first_day: date = date(2026, 3, 1)
    titles: int = 1_200
    rows: int = 10
    positions: int = 15
    events_per_profile: float = 45.0
    shared_profile_share: float = 0.05
    take_rate: float = 0.05
    organic_share: float = 0.12
    repeat_play_share: float = 0.03
    not_last_touch_share: float = 0.01
    duplicate_share: float = 0.02
    altered_share: float = 0.1
    late_share: float = 0.02
    out_of_order_share: float = 0.05
    broken_share: float = 0.004
    incomplete_file_share: float = 0.25
    window: timedelta = timedelta(hours=24)
    file_format: FileFormat = "ndjson"
    lines_per_file: int = 50_000

    def __post_init__(self) -> None:
        shares = [field.name for field in fields(self) if field.name.endswith("_share")]
        fewest_titles = 20 * self.positions
        rules: list[tuple[str, bool, str]] = [
            *((name, 0 <= getattr(self, name) <= 1, "a share between 0 and 1") for name in (*shares, "take_rate")),
            *((name, getattr(self, name) > 0, "more than 0") for name in ("days", "profiles", "events_per_profile")),
            ("lines_per_file", self.lines_per_file > 0, "more than 0"),
            ("seed", self.seed >= 0, "0 or more"),
            ("organic_share", self.organic_share < 1, "less than 1: the others are counted from it"),
            ("repeat_play_share", self.repeat_play_share < 1, "less than 1, or a play never ends"),
            ("rows", 1 <= self.rows <= MAX_ROWS, f"1 to {MAX_ROWS}: as many rows have a name"),
            ("positions", 1 <= self.positions <= MAX_POSITIONS, f"1 to {MAX_POSITIONS}"),
            ("titles", self.titles >= fewest_titles, f"{fewest_titles} or more, or a row cannot be filled"),
            ("window", self.window >= timedelta(minutes=1), "a minute or more"),
            ("file_format", self.file_format in FORMATS, " or ".join(FORMATS)),
        ]
        for name, is_kept, allowed in rules:
            if not is_kept:
                raise _out_of_range(name, getattr(self, name), allowed)

    @property
    def events(self) -> float:
        """How many distinct impressions and plays to expect, give or take a few per cent."""
        return self.days * self.profiles * self.events_per_profile

    @property
    def pages(self) -> float:
        """How many page visits give that many events."""
        plays_per_impression = self.take_rate / (1 - self.repeat_play_share) / (1 - self.organic_share)
        return self.events / (1 + plays_per_impression) / mean_impressions_per_page(self.rows, self.positions)

    def sized(self, events: int) -> "SimulatorOptions":
        """Return these options with as many profiles as it takes for about `events` distinct events."""
        if events < 1:
            raise _out_of_range("events", events, "1 or more")
        return replace(self, profiles=max(1, round(events / (self.days * self.events_per_profile))))


def _out_of_range(name: str, value: object, allowed: str) -> UsageError:
    return UsageError(
        f"The simulator cannot work with {name}={value}.",
        next_step=f"Give {name} as {allowed}.",
        facts={"option": name, "value": str(value)},
    )
