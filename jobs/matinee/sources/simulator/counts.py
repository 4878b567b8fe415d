"""The generator's own counts: what the landing folder holds, for a later comparison with what the lake says."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from matinee.sources.simulator.columns import DAY, HOUR
from matinee.sources.simulator.delivery import DEFECTS, INCOMPLETE_LINE, NO_DEFECT
from matinee.sources.simulator.generation import Events, Simulation
from matinee.sources.simulator.plays import ORGANIC


@dataclass
class DayCounts:
    """Counts of one dataset and one event day.

    `events` are distinct, `duplicates` are further good lines of them, `late` are events that arrive an hour or more
    after they happened; `broken` counts the corrupted copies by reason, on the day of the event they are a copy of.
    """

    events: int = 0
    duplicates: int = 0
    late: int = 0
    broken: Counter[str] = field(default_factory=Counter)

    @property
    def expected_rows(self) -> int:
        """Lines in good order: what the manifest declares and the raw table must hold."""
        return self.events + self.duplicates

    @property
    def sent_lines(self) -> int:
        """All lines: landed + quarantined."""
        return self.expected_rows + self.broken.total()

    def as_dict(self) -> dict[str, object]:
        """Return the counts for JSON, reasons in alphabetical order."""
        return {
            "events": self.events,
            "duplicates": self.duplicates,
            "late": self.late,
            "expected_rows": self.expected_rows,
            "sent_lines": self.sent_lines,
            "broken": dict(sorted(self.broken.items())),
        }


@dataclass(frozen=True)
class FileCounts:
    """Lines of one file, and how many of them are broken."""

    lines: int
    broken: int


@dataclass(frozen=True)
class DatasetCounts:
    """Counts of one dataset: by event day, and by file name."""

    days: dict[date, DayCounts]
    files: dict[str, FileCounts]

    @property
    def total(self) -> DayCounts:
        """All days together."""
        return DayCounts(
            events=sum(day.events for day in self.days.values()),
            duplicates=sum(day.duplicates for day in self.days.values()),
            late=sum(day.late for day in self.days.values()),
            broken=sum((day.broken for day in self.days.values()), Counter()),
        )


@dataclass(frozen=True)
class TruthCounts:
    """Plays by their truth; `not_last_touch` are those of the `attributed` that last touch must give to another."""

    plays: int
    attributed: int
    organic: int
    not_last_touch: int


@dataclass(frozen=True)
class SimulationSummary:
    """What `simulate` wrote: the counts of `counts.json`, and where the files are."""

    folder: Path
    shared_profile_id: str
    datasets: dict[str, DatasetCounts]
    truth: TruthCounts

    def to_json(self) -> str:
        """Return the content of `counts.json`."""
        datasets = {
            name: {
                "total": counts.total.as_dict(),
                "days": {day.isoformat(): of_day.as_dict() for day, of_day in counts.days.items()},
                "files": {file: {"lines": of.lines, "broken": of.broken} for file, of in counts.files.items()},
            }
            for name, counts in self.datasets.items()
        }
        content = {"shared_profile_id": self.shared_profile_id, "datasets": datasets, "truth": vars(self.truth)}
        return json.dumps(content, indent=2) + "\n"


def count_days(simulation: Simulation, events: Events, incomplete: Iterable[int]) -> dict[date, DayCounts]:
    """Return the counts of each simulated day; `incomplete` are the events whose copy ends a file half-written."""
    options, lines = simulation.options, events.delivery
    time = events.frame[events.time_field].values
    first = int(np.datetime64(options.first_day, "D").astype(np.int64))
    day = time // DAY - first
    cut = np.bincount(day[np.array(list(incomplete), dtype=np.int64)], minlength=options.days)
    good = lines.defect == NO_DEFECT
    new = good & ~lines.again
    late = new & (lines.received - time[lines.event] >= HOUR)
    day_of_line = day[lines.event]
    per_day = {
        "events": np.bincount(day_of_line[new], minlength=options.days),
        "duplicates": np.bincount(day_of_line[good & lines.again], minlength=options.days),
        "late": np.bincount(day_of_line[late], minlength=options.days),
    }
    broken = np.zeros((options.days, len(DEFECTS)), dtype=np.int64)
    np.add.at(broken, (day_of_line[~good], lines.defect[~good]), 1)
    counts = {}
    for place in range(options.days):
        reasons = Counter({reason: int(count) for reason, count in zip(DEFECTS, broken[place], strict=True) if count})
        if cut[place]:
            reasons[INCOMPLETE_LINE] = int(cut[place])
        numbers = {name: int(by_day[place]) for name, by_day in per_day.items()}
        counts[options.first_day + timedelta(days=place)] = DayCounts(**numbers, broken=reasons)
    return counts


def count_truth(simulation: Simulation) -> TruthCounts:
    """Return how many plays have which truth."""
    attributed = simulation.picks != ORGANIC
    return TruthCounts(
        plays=len(attributed),
        attributed=int(attributed.sum()),
        organic=int((~attributed).sum()),
        not_last_touch=int((attributed & ~simulation.is_last_touch).sum()),
    )
