"""Landed manifests `ops.manifests`: how many rows a producer says a day has, and whether the day is closed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from matinee.ledger.columns import days_of
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MANIFESTS = "ops.manifests"
#: A declaration of this name is of no dataset: it says with which day the lake begins.
BEGIN = "lake"


class Manifest(NamedTuple):
    """What is declared of one day of a raw dataset; of several the one with the highest `landing_seq` holds."""

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
        """What it says: the rows, those of them that repeat no other, whether more come, whether a person says so."""
        return self.expected_rows, self.expected_distinct, self.closed, self.file is None


class Declared(Mapping[tuple[str, date], Manifest]):
    """What holds of each (dataset, day): of several declarations of a day the last one; each is made when asked for."""

    def __init__(self, rows: "pa.Table | None" = None) -> None:
        """Take the rows of the register; none where there is no register."""
        age = [(name, "ascending") for name in ("landing_seq", "received_ts", "expected_rows")]
        self._rows = rows.sort_by(age) if rows else None
        #: Of each dataset the days, and where the last declaration of each is.
        self._places: dict[str, tuple[np.ndarray, np.ndarray]] = dict(_places(self._rows)) if self._rows else {}
        _, begun = self._places.pop(BEGIN, ((), ()))
        self._begun = self._rows["day"][max(begun)].as_py() if self._rows and len(begun) else None

    @property
    def first_day(self) -> date | None:
        """The first day of the lake: that which a person named last, else the first that was ever closed.

        A first day that is opened again stays the first: days before it are taken for valid.
        """
        if self._rows is None or self._begun:
            return self._begun
        import pyarrow.compute as pc

        first: date | None = pc.min(self._rows["day"].filter(self._rows["closed"])).as_py()
        return first

    @property
    def landing_seq(self) -> int:
        """The highest number of a declaration; 0 where there is none."""
        return int(self._rows["landing_seq"][-1].as_py()) if self._rows else 0

    def of_file(self, file: str, *, above: int) -> list[Manifest]:
        """Return what a file has declared above a landing number, whether it holds or not."""
        if self._rows is None:
            return []
        import pyarrow.compute as pc

        wanted = pc.and_(pc.equal(self._rows["file"], file), pc.greater(self._rows["landing_seq"], above))
        return [Manifest(**row) for row in self._rows.filter(wanted).to_pylist()]

    def rows_of(self, dataset: str, days: "np.ndarray") -> "np.ndarray":
        """Return the rows that each of some days is declared to have.

        NaN: nothing is declared. Negative: more rows will come. Infinite: the number is one of rows that repeat none.
        """
        import numpy as np

        if dataset not in self._places:
            return np.full(len(days), np.nan)
        known, places = self._places[dataset]
        near = np.searchsorted(known, days).clip(max=len(known) - 1)
        return np.where(known[near] == days, self._closed_rows[places[near]], np.nan)

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
        found = places[known == np.datetime64(day, "D")]
        if not len(found):
            raise KeyError(key)
        [row] = self._rows.slice(found[0], 1).to_pylist()
        return Manifest(**row)

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
    """Append declarations in one commit; each gets a landing number above a given one and all of the table."""
    found = tuple(manifests)
    if not found:
        return ()

    def once() -> tuple[Manifest, ...]:
        table = lake.ensure(MANIFESTS)  # Before the look: what comes between the two is a conflict.
        start = max(above, declared(lake).landing_seq)
        numbered = tuple(one._replace(landing_seq=start + 1) for one in found)
        append_rows(lake, MANIFESTS, (one._asdict() for one in numbered), onto=table)
        return numbered

    told = f"Others declared days first, {refs.COMMIT_TRIES} times; nothing was declared."
    return refs.committed(once, told, "Declare them again when fewer writers are at work.", table=MANIFESTS)


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
    """Return the declarations that change what holds; of two for one day the later one."""
    held = declared(lake)
    last = {(one.dataset, one.day): one for one in wanted}
    return [one for key, one in last.items() if key not in held or held[key].words != one.words]
