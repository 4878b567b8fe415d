"""What `matinee query` runs: it reads, whatever form it has; everything else is refused, however hidden."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.errors import PySparkException
from tests.support.lakes import D1, land, make_lake, raw_play

from matinee.engine.reading import reading
from matinee.engine.session import spark_session
from matinee.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def session(spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """A session on a lake with one raw play, as the command has it."""
    lake = make_lake(tmp_path_factory.mktemp("query") / "home")
    land(lake, "raw.plays", [raw_play(D1)])
    with spark_session(lake.settings.model_copy(update={"spark_remote": spark_remote})) as spark:
        spark.catalog.setCurrentCatalog(lake.settings.catalog_name)
        yield spark


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT play_id, upper(title_id) FROM raw.plays -- a comment", [("p1", "T")]),
        ("TABLE raw.plays |> AGGREGATE count(*) AS n", [(1,)]),
        ("WITH x(a) AS (VALUES (2), (1)) SELECT a, 'reflect(' FROM x ORDER BY a DESC LIMIT 1;", [(2, "reflect(")]),
        ("SELECT transform(array(1, 2), x -> x + 1), `abs`(-1)", [([2, 3], 1)]),
        ("SELECT * FROM (VALUES (1, 2) t(a, b)) UNPIVOT (v FOR k IN (a, b)) ORDER BY v", [("a", 1), ("b", 2)]),
        ("SELECT * FROM VALUES ('x', 1) t(k, v) PIVOT (sum(v) FOR k IN ('x'))", [(1,)]),
        ("SELECT /*+ BROADCAST(b) */ a.id FROM range(2) a JOIN range(1) b USING (id)", [(0,)]),
        ("SELECT row_number() OVER (ORDER BY id) FROM range(3) EXCEPT SELECT 1 INTERSECT SELECT 1", [(2,), (3,)]),
        ("SELECT (SELECT max(id) FROM range(3)), x FROM range(1), LATERAL explode(array(7)) AS e(x)", [(2, 7)]),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) FROM r", [(3,)]),
        ("SELECT count(*) FROM raw.plays.snapshots WHERE operation = 'append'", [(2,)]),
        ("FROM raw.plays TABLESAMPLE (9 ROWS) SELECT DISTINCT 1 GROUP BY GROUPING SETS ((play_id), ())", [(1,)]),
    ],
)
def test_a_query_reads_whatever_form_it_has(
    session: "SparkSession", statement: str, rows: list[tuple[object, ...]]
) -> None:
    assert sorted(map(tuple, reading(session, statement).collect())) == rows


JAVA = "('java.lang.System', 'setProperty', 'matinee.query', 'was here')"


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SELECT {name}{JAVA}" for name in ("reflect", "Try_Reflect", "`java_method`", "/**/REFLECT/**/ ")),
        f"SELECT IDENTIFIER('refl' || 'ect'){JAVA}",
        f"SELECT IDENTIFIER('java' '_method'){JAVA} FROM raw.plays",
        f"SELECT `system`.`builtin`.`reflect`{JAVA}",
        f"SELECT transform(array(1), x -> reflect{JAVA})",
        f"SELECT * FROM raw.plays WHERE EXISTS (SELECT 1 HAVING try_reflect{JAVA} IS NULL)",
        "SELECT TRANSFORM(1) USING 'touch WAS_HERE' AS (a string)",
        "FROM raw.plays MAP play_id USING 'touch WAS_HERE'",
        "FROM raw.plays REDUCE play_id USING r'touch WAS_HERE' AS a",
        "SELECT (SELECT max(a) FROM (SELECT TRANSFORM(1) USING 'touch WAS_HERE' AS (a string))) FROM raw.plays",
        "SELECT '\n== Optimized Logical Plan ==\n' FROM (SELECT TRANSFORM(1) USING 'touch WAS_HERE' AS a)",
        "SELECT '\n== Analyzed Logical Plan ==\n\n== Optimized Logical Plan ==\n' FROM (SELECT TRANSFORM(1) USING 'a')",
        *(f"SELECT * FROM {kind}.`FILE`" for kind in ("text", "binaryFile", "`CSV`", "parquet")),
        "SELECT * FROM IDENTIFIER('text.`FILE`')",
        "SELECT * FROM python_worker_logs()",
        "SELECT \uff52eflect('a', 'b')",
        "SELECT 1; DROP TABLE raw.plays",
        "SELECT 1); DROP TABLE raw.plays; SELECT * FROM (SELECT 1",
        "SELECT 1) /* ; DROP TABLE raw.plays",
        "DROP TABLE raw.plays",
        "FROM raw.plays INSERT INTO raw.plays SELECT *",
        "WITH x AS (INSERT INTO raw.plays TABLE raw.plays) TABLE x",
        "SET spark.sql.runSQLOnFiles = true",
        "CALL system.expire_snapshots('raw.plays')",
        "EXPLAIN CODEGEN SELECT 1",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "ADD JAR 'FILE'",
        "CREATE TEMPORARY FUNCTION f AS 'java.lang.System'",
        ")(",
    ],
)
def test_a_statement_that_does_more_than_read_is_refused(
    session: "SparkSession", statement: str, tmp_path: Path
) -> None:
    file, mark = tmp_path / "file", tmp_path / "mark"
    file.write_text('{"secret": 1}\n')
    with pytest.raises(UsageError):
        reading(session, statement.replace("FILE", str(file)).replace("WAS_HERE", str(mark))).collect()
    assert not mark.exists()
    assert session.table("raw.plays").count() == 1


def test_a_query_without_end_is_ended_by_spark(session: "SparkSession") -> None:
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"
    with pytest.raises(PySparkException, match="RECURSION_LEVEL_LIMIT_EXCEEDED"):
        reading(session, endless).collect()
