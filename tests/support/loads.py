"""Loads of tables from the catalog: each reads and parses all that the table's metadata file holds."""

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from pyiceberg.table import Table

import matinee
from matinee.table.catalogs.sql_catalog import SqlCatalog

_PRODUCT = Path(matinee.__file__).parent


@dataclass(frozen=True)
class Load:
    """One load: of which table, by which functions of the product (outermost first), and whether by a commit."""

    dataset: str
    by: tuple[str, ...]
    commits: bool

    def within(self, names: Iterable[str]) -> str:
        """Return the innermost of some functions that it was in, with `, a commit` where it was by one."""
        function = next((name for name in reversed(self.by) if name in names), " > ".join(self.by))
        return f"{function}, a commit" if self.commits else function


@contextmanager
def counted_loads() -> Iterator[list[Load]]:
    """Yield the loads of a block, as they come."""
    loads, load = list[Load](), SqlCatalog.load_table

    def counting(catalog: SqlCatalog, identifier: str | tuple[str, ...]) -> Table:
        dataset = identifier if isinstance(identifier, str) else ".".join(identifier)
        frames = traceback.extract_stack(limit=60)[:-1]
        by = tuple(frame.name for frame in frames if Path(frame.filename).is_relative_to(_PRODUCT))
        loads.append(Load(dataset, by, any(frame.name == "commit_table" for frame in frames)))
        return load(catalog, identifier)

    with patch.object(SqlCatalog, "load_table", counting):
        yield loads


def by_dataset(loads: Iterable[Load]) -> dict[str, int]:
    """Return how often each table was loaded."""
    return dict(Counter(load.dataset for load in loads))
