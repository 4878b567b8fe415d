"""Queries of users read tables and do nothing else: the engine's analysis of a query decides, not the query's words."""

import re
from typing import TYPE_CHECKING

from matinee.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# These functions run any Java method. In the session of a query their names stand for a class that is no function, so
# that no spelling reaches them: quoted names, names in capitals, IDENTIFIER('refl' || 'ect').
_CALLING = ("java_method", "reflect", "try_reflect")
_NO_FUNCTION = "java.lang.Object"
_NO_HANDLER = "NO_HANDLER_FOR_UDAF"
#: The nodes of an analysed plan that read tables of the catalogs, and rows of the query itself.
_NODES = frozenset(
    re.findall(
        r"\w+",
        """
        Aggregate AsOfJoin CTERelationDef CTERelationRef Deduplicate Distinct Except Expand Filter Generate
        GlobalLimit Intersect Join LateralJoin LocalLimit LocalRelation Offset OneRowRelation Pivot Project Range
        RebalancePartitions RelationV2 Repartition RepartitionByExpression ResolvedHint Sample Sort SubqueryAlias
        Union UnionLoop UnionLoopRef Unpivot View Window WithCTE
        """,
    )
)
_HEADERS = tuple(f"== {name} ==" for name in ("Analyzed Logical Plan", "Optimized Logical Plan"))
_DRAWING = " :|+-"


def reading(spark: "SparkSession", statement: str) -> "DataFrame":
    """Return the rows of one query, in a session that runs no other statements from then on.

    Raises:
        UsageError: the statement is not a query, Spark cannot analyse it, or the plan has more than reading in it.
    """
    from pyspark.errors import AnalysisException, ParseException

    # Else `text.`/path`` is a table.
    spark.conf.set("spark.sql.runSQLOnFiles", "false")
    for name in _CALLING:
        spark.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {name} AS '{_NO_FUNCTION}'")
    try:
        rows = spark.sql(as_query(statement))
        refused = other_nodes(rows._explain_string(extended=True))  # type: ignore[operator]
    except (AnalysisException, ParseException) as error:
        if error.getCondition() == _NO_HANDLER:
            refused = [f"one of {', '.join(_CALLING)}"]
        else:
            raise UsageError(
                f"Spark cannot run that query: {str(error).strip().splitlines()[0]}",
                next_step="Correct it; `matinee contract show DATASET` lists a table's columns.",
            ) from error
    if refused:
        raise UsageError(
            f"A query can only read tables: {', '.join(refused)} may do more.",
            next_step="Write one SELECT on tables of the lake: no scripts, no Java methods, no line breaks in texts.",
        )
    return rows


def as_query(statement: str) -> str:
    """Return the statement in a form that only a query fits into: Spark's grammar then refuses everything else.

    Raises:
        UsageError: the statement is empty.
    """
    text = statement.strip().rstrip(";")
    if not text:
        raise UsageError("The query is empty.", next_step="Give one SELECT.")
    return f"SELECT * FROM (\n{text}\n)"


def other_nodes(explained: str) -> list[str]:
    """Return what an analysed plan has besides nodes that read; a plan that cannot be told apart counts as such.

    Args:
        explained: Spark's extended explanation: plans under headings, one line for each node.
    """
    lines = explained.splitlines()
    # A text within the query may look like a heading, and end the plan too early.
    if any(lines.count(header) != 1 for header in _HEADERS):
        return ["a plan without clear headings"]
    begin, end = (lines.index(header) for header in _HEADERS)
    nodes = [line.lstrip(_DRAWING) for line in lines[begin + 2 : end] if line]  # The first line has the columns' types.
    names = [re.split(r"\W", node, maxsplit=1)[0] or node for node in nodes]
    return sorted({name for name in names if name not in _NODES}) if names else ["an empty plan"]
