"""The truth of a soak: what was landed, read from the files themselves, by landing number."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from matinee.landing.batches import prepared_as
from matinee.landing.landed_files import landed_after, registered
from matinee.landing.model import Landing
from matinee.table.catalog import Lake
from tests.soak.events import RAW, keys_of

Keys = Counter[tuple[date, str]]
VERSIONS = "versions"


def keep(folder: Path, text: str) -> None:
    """Keep a version of a file that will be replaced, by its hash, before anybody can land it."""
    versions = folder / VERSIONS
    versions.mkdir(exist_ok=True)
    (versions / hashlib.sha256(text.encode()).hexdigest()).write_text(text)


@dataclass
class Landed:
    """The keys of each file that is on `main` of a raw table; `refresh` looks for new ones.

    `folder` has the versions of files that were replaced.
    """

    lake: Lake
    folder: Path | None = None
    files: dict[str, dict[int, Keys]] = field(default_factory=lambda: defaultdict(dict))
    twice: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _names: dict[tuple[str, int], str] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the files that were landed since the last look: of the tables' own history, else of the register."""
        for dataset in RAW:
            self._note(dataset, self._in_history(dataset))
            numbers = self.files[dataset].keys()
            if len(numbers) < max(numbers, default=0):
                self._note(dataset, registered(self.lake, dataset))

    def _note(self, dataset: str, landings: Iterable[Landing]) -> None:
        for landing in landings:
            name = self._names.setdefault((dataset, landing.landing_seq), landing.sha256)
            if name != landing.sha256:
                self.twice[dataset].add(landing.landing_seq)
            if landing.landing_seq not in self.files[dataset]:
                self.files[dataset][landing.landing_seq] = Counter(keys_of(self._file(landing), dataset))

    def _file(self, landing: Landing) -> Path:
        kept = self.folder / VERSIONS / landing.sha256 if self.folder else None
        return kept if kept and kept.is_file() else Path(landing.file)

    def up_to(self, dataset: str, day: date, landing_seq: int) -> set[str]:
        """Return the distinct keys of a day that were landed up to a landing number, inclusive."""
        by_file = (keys for number, keys in self.files[dataset].items() if number <= landing_seq)
        return {key for keys in by_file for of, key in keys if of == day}

    def _in_history(self, dataset: str) -> Iterator[Landing]:
        for landing in landed_after(self.lake, dataset, 0):
            one_file = landing.first_seq in (0, landing.landing_seq)
            yield from (landing,) if one_file else prepared_as(self.lake, landing.batch_id).landings
