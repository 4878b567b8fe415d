"""Landed manifests `ops.manifests`: how many rows a producer says a day has, and whether the day is closed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from matinee import retries
from matinee.errors import CommitConflictError
from matinee.ledger.columns import days_of, values_on
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import Register

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MANIFESTS = "ops.manifests"
#: A declaration under this name is of no dataset: it declares the first day of the lake.
BEGIN = "lake"


@dataclass(frozen=True)
class Manifest:
    """A declaration of one day of a raw dataset; of several declarations that with the highest `landing_seq` holds."""

    dataset: str
    day: date
    expected_rows: int
    closed: bool
    file: str | None
    received_ts: datetime
    landing_seq: int = 0
    expected_distinct: int | None = None

    @property
    def words(self) -> tuple[int, int | None, bool, bool]:
        """What is declared: rows, rows that repeat no other, whether the day is closed, whether by a person."""
        return self.expected_rows, self.expected_distinct, self.closed, self.file is None


_REGISTER = Register(MANIFESTS, Manifest)


class Declared(Mapping[tuple[str, date], Manifest]):
    """The manifest that holds for each (dataset, day): the last declaration of the day, built when it is read."""

    def __init__(self, rows: "pa.Table | None" = None) -> None:
        """Take the rows of the register; none where there is no register."""
        age = [(name, "ascending") for name in ("landing_seq", "received_ts", "expected_rows")]
        self._rows = rows.sort_by(age) if rows else None
        #: By dataset, the days and the row number of each day's last declaration.
        self._places: dict[str, tuple[np.ndarray, np.ndarray]] = dict(_places(self._rows)) if self._rows else {}
        _, begun = self._places.pop(BEGIN, ((), ()))
        #: The first day of the lake as a person named it last.
        self.begun: date | None = self._rows["day"][max(begun)].as_py() if self._rows and len(begun) else None

    @property
    def first_day(self) -> date | None:
        """The first day of the lake: the day that a person named last, else the first day that was ever closed.

        A first day that is opened again stays the first: days before it are taken for valid.
        """
        if self._rows is None or self.begun:
            return self.begun
        import pyarrow.compute as pc

        first: date | None = pc.min(self._rows["day"].filter(self._rows["closed"])).as_py()
        return first

    @property
    def landing_seq(self) -> int:
        """The highest number of a declaration; 0 where there is none."""
        return int(self._rows["landing_seq"][-1].as_py()) if self._rows else 0

    def of_file(self, file: str, *, above: int) -> list[Manifest]:
        """Return the declarations of a file above a landing number, whether they hold or not."""
        if self._rows is None:
            return []
        import pyarrow.compute as pc

        wanted = pc.and_(pc.equal(self._rows["file"], file), pc.greater(self._rows["landing_seq"], above))
        return [_REGISTER.value(row) for row in self._rows.filter(wanted).to_pylist()]

    def rows_of(self, dataset: str, days: "np.ndarray") -> "np.ndarray":
        """Return the rows that each of some days is declared to have.

        NaN: nothing is declared. Negative: more rows will come. Infinite: only rows that repeat no other are declared.
        """
        import numpy as np

        if dataset not in self._places:
            return np.full(len(days), np.nan)
        known, places = self._places[dataset]
        return values_on(days, known, self._closed_rows[places], np.nan)

    def closed_days(self, dataset: str) -> set[date]:
        """Return the days of a dataset that are declared complete."""
        if dataset not in self._places:
            return set()
        known, places = self._places[dataset]
        return set(known[self._closed_rows[places] >= 0].tolist())

    @cached_property
    def _closed_rows(self) -> "np.ndarray":
        import numpy as np
        import pyarrow.compute as pc

        rows = self._rows
        assert rows is not None  # noqa: S101 - it has declarations
        counted = np.where(pc.is_null(rows["expected_distinct"]), rows["expected_rows"], np.inf)
        return np.where(rows["closed"], counted, -np.inf)

    def __getitem__(self, key: tuple[str, date]) -> Manifest:
        import numpy as np

        dataset, day = key
        if self._rows is None or dataset not in self._places:
            raise KeyError(key)
        known, places = self._places[dataset]
        place = places[known == np.datetime64(day, "D")]
        if not len(place):
            raise KeyError(key)
        [row] = self._rows.slice(place[0], 1).to_pylist()
        return _REGISTER.value(row)

    def __iter__(self) -> Iterator[tuple[str, date]]:
        return ((dataset, day) for dataset, (days, _) in self._places.items() for day in days.tolist())

    def __len__(self) -> int:
        return sum(len(days) for days, _ in self._places.values())


def _places(rows: "pa.Table") -> "Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]":
    import numpy as np
    import pyarrow.compute as pc

    for dataset in pc.unique(rows["dataset"]).to_pylist():
        places = np.flatnonzero(pc.equal(rows["dataset"], dataset))[::-1]
        days, last = np.unique(days_of(rows)[places], return_index=True)
        yield dataset, (days, places[last])


def declare(lake: Lake, manifests: Iterable[Manifest], above: int = 0) -> tuple[Manifest, ...]:
    """Append declarations in one commit; each gets a landing number above `above` and all numbers of the table."""
    declarations = tuple(manifests)
    if not declarations:
        return ()

    def once() -> tuple[Manifest, ...]:
        table = lake.ensure(MANIFESTS)  # Loaded before the numbers are read: a commit in between is a conflict.
        start = max(above, declared(lake).landing_seq)
        numbered = tuple(replace(manifest, landing_seq=start + 1) for manifest in declarations)
        with retries.again_where_lost:
            _REGISTER.append(lake, numbered, onto=table)
        return numbered

    lost = CommitConflictError(
        f"Others declared days first, {refs.COMMIT_TRIES} times; nothing was declared.",
        next_step="Declare them again when fewer writers are at work.",
        facts={"table": MANIFESTS},
    )
    return retries.committed(once, lost)


def declared(lake: Lake) -> Declared:
    """Return what holds now of each (dataset, day)."""
    if not lake.exists(MANIFESTS):
        return Declared()
    import pyarrow as pa

    rows = lake.table(MANIFESTS).scan().to_arrow()
    if "expected_distinct" not in rows.column_names:  # Earlier versions of Matinee did not have it.
        rows = rows.append_column("expected_distinct", pa.nulls(len(rows), pa.int64()))
    return Declared(rows)


def changes(lake: Lake, wanted: Iterable[Manifest]) -> list[Manifest]:
    """Return the declarations that change what holds; of several for one day the last."""
    held = declared(lake)
    last = {(manifest.dataset, manifest.day): manifest for manifest in wanted}
    return [manifest for key, manifest in last.items() if key not in held or held[key].words != manifest.words]
