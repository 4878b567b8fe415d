"""Landing files of a soak: late events, repeats that win or lose, bad lines; and what a file says was landed."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

Row = dict[str, object]

DAYS = tuple(date(2026, 3, day) for day in (1, 2, 3, 4))
#: When all files are landed; events say themselves when they were received.
LANDED = datetime(2026, 3, 9, tzinfo=UTC)
PROFILES = [f"profile-{number}" for number in range(16)]
TITLES = [f"title-{number}" for number in range(6)]
#: The word that names the files of a raw dataset, its key and its event time.
RAW = {"raw.impressions": ("impressions", "event_id", "event_ts"), "raw.plays": ("plays", "play_id", "start_ts")}
DAY_MS = 86_400_000
BASE_ROWS = 200


class Events:
    """An endless source of rows; those of one name and seed are always the same."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.random = random
        self.sent: dict[str, list[Row]] = {dataset: [] for dataset in RAW}
        self.count = 0

    def lines(self, dataset: str, rows: int) -> str:
        """Return the text of a file: new rows, some repeats of earlier ones, at times a line that is no JSON."""
        lines = self.clean_lines(dataset, rows)
        if self.random.random() < 0.1:
            lines.append("cut off in the mid\n")
        return "".join(lines)

    def clean_lines(self, dataset: str, rows: int) -> list[str]:
        """Return lines of new rows and some repeats; as many as were asked for, each with its end."""
        return [f"{json.dumps(self._row(dataset))}\n" for _ in range(rows)]

    def _row(self, dataset: str) -> Row:
        earlier = self.sent[dataset]
        if earlier and self.random.random() < 0.15:
            return self._repeat(self.random.choice(earlier))
        self.count += 1
        row = self._impression() if dataset == "raw.impressions" else self._play()
        earlier.append(row)
        return row

    def _impression(self) -> Row:
        at = _start(self.random.choice(DAYS)) + timedelta(milliseconds=self.random.randrange(DAY_MS))
        return {
            "event_id": f"{self.name}-{self.count}",
            **self._seen(at),
            "row": self.random.randint(1, 5),
            "position": self.random.randint(1, 9),
            "event_ts": _text(at),
        }

    def _play(self) -> Row:
        """Return a play of something that was shown, soon after it or up to 30 hours later, or of nothing shown."""
        shown = self.random.choice(self.sent["raw.impressions"] or [self._impression()])
        delay = timedelta(milliseconds=int(30 / 24 * DAY_MS * self.random.random() ** 3))
        at = datetime.fromisoformat(str(shown["event_ts"])) + delay
        if at.date() > DAYS[-1]:
            at = _start(self.random.choice(DAYS))
        row: Row = {"play_id": f"{self.name}-{self.count}", **self._seen(at), "start_ts": _text(at)}
        if self.random.random() < 0.9:
            row["duration_s"] = self.random.randrange(1, 9_000_000) / 1000
        if self.random.random() < 0.8:
            row |= {name: shown[name] for name in ("profile_id", "title_id")}
        return row

    def _seen(self, at: datetime) -> Row:
        # One profile has a third of all events: every writer meets its bucket.
        profile = PROFILES[0] if self.random.random() < 1 / 3 else self.random.choice(PROFILES)
        received = at + timedelta(milliseconds=self.random.randrange(3 * DAY_MS))
        return {"profile_id": profile, "title_id": self.random.choice(TITLES), "received_ts": _text(received)}

    def _repeat(self, row: Row) -> Row:
        """Return a repeat that arrived earlier or later than the first one, at times under another profile."""
        received = datetime.fromisoformat(str(row["received_ts"]))
        moved = received + timedelta(milliseconds=self.random.randrange(-DAY_MS // 24, DAY_MS // 24))
        profile = self.random.choice(PROFILES) if self.random.random() < 0.3 else row["profile_id"]
        return {**row, "profile_id": profile, "received_ts": _text(moved)}


def base(seed: int) -> Events:
    """Return the source of the rows that a lake begins with; its two files are `lines(dataset, BASE_ROWS)`."""
    return Events("base", Random(f"{seed} base"))  # noqa: S311 - events, no secrets


def keys_of(path: Path, dataset: str) -> Iterator[tuple[date, str]]:
    """Yield the day and the key of each good line of a landed file."""
    _, key, time = RAW[dataset]
    for line in path.read_text().splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            yield date.fromisoformat(row[time][:10]), row[key]


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
