"""Jobs: what a contender is given, the same for all, and how it says what it wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from matinee.days import end_of
from matinee.report import timed
from tests.bench.inputs import ATTRIBUTIONS, IMPRESSION_PLAYS, IMPRESSIONS, PLAYS, Input

WINDOW = timedelta(hours=24)
CORES = 2


@dataclass(frozen=True)
class Job:
    """One run: the input, where to write, the seconds of its steps, and what it counted beside them."""

    input: Input
    output: Path
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def impressions(self) -> list[str]:
        """The data files of core.impressions."""
        return self.input.files[IMPRESSIONS]

    @property
    def plays(self) -> list[str]:
        """The data files of core.plays."""
        return self.input.files[PLAYS]

    def cells(self) -> dict[str, tuple[list[str], list[str]]]:
        """Return the data files of plays and impressions by cell: the file of a bucket is named after it."""
        plays = {Path(path).stem: [path] for path in self.plays}
        return {Path(path).stem: (plays[Path(path).stem], [path]) for path in self.impressions}

    @property
    def as_of(self) -> datetime:
        """How far the attributions are valid: to the end of the day."""
        return end_of(self.input.day)

    @property
    def attributions_folder(self) -> Path:
        """Where the attributions are written."""
        return self.output / ATTRIBUTIONS

    @property
    def impression_plays_folder(self) -> Path:
        """Where the impressions with their plays are written."""
        return self.output / IMPRESSION_PLAYS

    @contextmanager
    def writing(self, folder: Path) -> Iterator[Path]:
        """Time the step that writes a folder."""
        self.output.mkdir(parents=True, exist_ok=True)
        with timed(self.seconds, folder.name):
            yield folder

    def written(self) -> dict[str, list[str]]:
        """Return the Parquet files of both outputs."""
        folders = (self.attributions_folder, self.impression_plays_folder)
        return {folder.name: sorted(map(str, folder.rglob("*.parquet"))) for folder in folders}
