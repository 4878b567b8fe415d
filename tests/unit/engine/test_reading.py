"""Which plans only read: the nodes of Spark's analysed plan are known, or the query is refused."""

import pytest

from matinee.engine.reading import as_query, other_nodes
from matinee.errors import UsageError

PLAN = """\
== Parsed Logical Plan ==
'Project [*]
+- 'UnresolvedRelation [core, plays], [], false

== Analyzed Logical Plan ==
x: string
{analysed}

== Optimized Logical Plan ==
LocalRelation [x#1]

== Physical Plan ==
LocalTableScan [x#1]
"""


@pytest.mark.parametrize(
    ("analysed", "others"),
    [
        ("Project [x#1]\n:  +- OneRowRelation\n+- RelationV2[x#1] lake.core.plays", []),
        ("Project [x#1]\n+- ScriptTransformation cat, [x#1]\n   +- OneRowRelation", ["ScriptTransformation"]),
        ("Project [x#1]\n:  :- Relation [value#2] text\n+- OneRowRelation", ["Relation"]),
        ("Project [x#1]\n+- 'UnresolvedRelation [a], [], false", ["'UnresolvedRelation [a], [], false"]),
        ("Project [x#1]\n+- SomeNodeOfLater [x#1]", ["SomeNodeOfLater"]),
        ("Project [first\nsecond AS x#1]\n+- OneRowRelation", ["second"]),
        ("Project [x#1]\n== Optimized Logical Plan ==\n+- MapPartitions x", ["a plan without clear headings"]),
        ("", ["an empty plan"]),
    ],
)
def test_a_node_that_is_not_known_to_read_is_named(analysed: str, others: list[str]) -> None:
    assert other_nodes(PLAN.format(analysed=analysed)) == others


def test_an_explanation_without_an_analysed_plan_is_refused() -> None:
    assert other_nodes("== Physical Plan ==\nLocalTableScan [x#1]\n") == ["a plan without clear headings"]


@pytest.mark.parametrize("statement", ["", " \n", ";"])
def test_an_empty_query_is_refused(statement: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        as_query(statement)
