"""Only `engine/tables/` reads frames of tables, always at a named snapshot."""

import ast

import pytest

from matinee.settings import CHECKOUT

JOBS = CHECKOUT / "jobs" / "matinee"
#: A source reads no table.
SOURCES = {"sources/kafka/records.py"}
_SESSIONS = {"spark", "session", "_session", "sparkSession"}
_READERS = {"read", "readStream", "table"}


def reads(source: str) -> bool:
    """Return whether a module reads with a session (`spark.read`, `session.table`) or names a snapshot itself."""
    return any(
        (isinstance(node, ast.Constant) and node.value == "versionAsOf")
        or (isinstance(node, ast.Attribute) and node.attr in _READERS and _last_name(node.value) in _SESSIONS)
        for node in ast.walk(ast.parse(source))
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_other_module_reads_a_table_by_itself() -> None:
    readers = {str(path.relative_to(JOBS)) for path in JOBS.rglob("*.py") if reads(path.read_text())}
    assert {name for name in readers if not name.startswith("engine/tables/")} == SOURCES


@pytest.mark.parametrize(
    "source",
    [
        "spark.read.parquet(path)",
        "rows = self._session.table(name)",
        "session.readStream.format('kafka')",
        "frame.sparkSession.read.option('a', 1)",
        "reader.option('versionAsOf', 1)",
    ],
)
def test_a_reader_is_found_however_it_is_written(source: str) -> None:
    assert reads(source)


def test_other_reads_do_not_count() -> None:
    assert not reads("table = lake.table(name)\nfound = live.read.get(name)")
