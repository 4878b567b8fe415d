"""A landing folder as a source: each file of a known name, once whatever its name."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from matinee.errors import MissingTableError
from matinee.sources.files.find import landable, owner_of, seen
from matinee.sources.files.scan import filesystem
from matinee.sources.found import Found
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.landings import LANDINGS
from matinee.table.leases.lease import Lease


@dataclass
class Folder:
    """A landing folder; a file that was refused is not tried again until it changes.

    Attributes:
        path: of the folder.
        seen: the files that this process does not look into again, each with its identity.
        landings: the snapshot of the register of landings that has the landed files among `seen`.
    """

    path: Path
    seen: set[tuple[str, str]] = field(default_factory=set)
    landings: int | None = None

    def poll(self, lease: Lease) -> Iterator[list[Found]]:
        """Yield the files that were not there before, as one batch."""
        self._forget_lost(lease.lake)
        named, files = landable(lease.lake.registry), filesystem(lease.lake.settings, str(self.path))
        there = [
            Found(str(file.absolute()), dataset, identity=seen(files, str(file)))
            for file in sorted(self.path.iterdir())
            if (dataset := owner_of(named, file.name)) and file.is_file()
        ]
        new = [file for file in there if (file.file, file.identity) not in self.seen]
        if not new:
            return
        yield new
        landings = _landings(lease.lake)
        # Leases are kept in the catalog: if another catalog took its place since the look at the register, this fails.
        lease.renew()
        self.landings = next(iter(landings), None)
        self.seen.update((file.file, file.identity) for file in new)

    def _forget_lost(self, lake: Lake) -> None:
        """Forget the seen files if the register no longer has the known snapshot: an older catalog may be restored."""
        if self.landings is None:
            return
        landings = _landings(lake)
        if self.landings not in landings:
            self.seen.clear()
        self.landings = next(iter(landings), None)


def _landings(lake: Lake) -> list[int]:
    """Return the snapshots of the register of landings that are kept, newest first."""
    with suppress(MissingTableError):
        return refs.ancestry(lake.table(LANDINGS))
    return []
