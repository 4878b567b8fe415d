"""The register `ops.rehashes`: when landing files were read again at night, and whether they still hold the same."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from matinee.landing.lander import Outcome
from matinee.table.catalog import Lake
from matinee.table.registers import Register, Text, stamp

REHASHES = "ops.rehashes"


@dataclass(frozen=True)
class Rehash:
    """What a rehash found of a dataset: how many files it read, how many differ, and the first that does."""

    dataset: str
    files: int
    differing: int
    file: Text = ""
    recorded_ts: datetime = field(default_factory=stamp)


_REGISTER = Register(REHASHES, Rehash)


def record(lake: Lake, datasets: Iterable[str], outcomes: Collection[Outcome]) -> None:
    """Append a row for each dataset whose files were read again, in one commit; a folder may have had no file."""
    rows = []
    for dataset in datasets:
        read = [outcome for outcome in outcomes if outcome.dataset == dataset]
        differing = [outcome.file for outcome in read if outcome.differs]
        rows.append(Rehash(dataset, len(read), len(differing), min(differing, default="")))
    _REGISTER.append(lake, rows)


def last_rehashes(lake: Lake) -> dict[str, Rehash]:
    """Return the last rehash of each dataset that was ever read again at night, by dataset."""
    known = sorted(_REGISTER.rows(lake), key=lambda rehash: (rehash.dataset, rehash.recorded_ts))
    return {rehash.dataset: rehash for rehash in known}
