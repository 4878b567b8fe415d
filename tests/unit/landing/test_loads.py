"""How often a landing loads a table: the cost of each load grows with the snapshots of the table."""

from collections import Counter
from pathlib import Path

import pytest
from pyiceberg.table import Table
from tests.support.lakes import make_lake

from matinee.landing.ingest import ingest
from matinee.landing.model import QUARANTINE
from matinee.table.catalogs.sql_catalog import SqlCatalog

PLAYS = "raw.plays"
GOOD = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each table is loaded."""
    counted, load = Counter[str](), SqlCatalog.load_table

    def counting(catalog: SqlCatalog, identifier: str | tuple[str, ...]) -> Table:
        counted[identifier if isinstance(identifier, str) else ".".join(identifier)] += 1
        return load(catalog, identifier)

    monkeypatch.setattr(SqlCatalog, "load_table", counting)
    return counted


def test_one_more_file_loads_its_tables_a_few_times(tmp_path: Path, loads: Counter[str]) -> None:
    settings = make_lake(tmp_path / "home").settings
    for name in ("1", "2"):
        loads.clear()
        (tmp_path / f"plays-{name}.jsonl").write_text(GOOD % name)
        ingest(settings, None, [tmp_path / f"plays-{name}.jsonl"])
    assert loads[PLAYS] <= 6
    assert loads[QUARANTINE] <= 2


def test_whether_a_table_was_made_is_told_without_loading_it(tmp_path: Path, loads: Counter[str]) -> None:
    lake = make_lake(tmp_path / "home")
    assert not lake.exists(PLAYS)
    lake.ensure(PLAYS)
    loads.clear()
    assert lake.exists(PLAYS)
    assert not lake.exists(QUARANTINE)
    assert not loads
