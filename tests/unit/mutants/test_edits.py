"""Edits of code change its meaning in one place, and leave alone what only tells people."""

import ast

import pytest
from tests.mutants.edits import edited, edits


def texts(source: str) -> list[str]:
    return [edit.text for edit in edits(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(a, b):\n    return a < b", "a < b ▸ a <= b"),
        ("def f(a, b):\n    return a and b", "a and b ▸ b"),
        ("def f(a):\n    if a:\n        raise ValueError", "if a ▸ if False"),
        ("def f(a):\n    drop(a)", "drop(a) ▸ pass"),
        ("def f(a):\n    return g(a, expected=1)", "expected=1 ▸ nothing"),
        ("def f(a):\n    try:\n        g(a)\n    except OSError:\n        pass", "except OSError ▸ raise"),
        ("def f(a):\n    return [b for b in a if b]", "for b in a if b ▸ for b in a"),
        ("def f(a):\n    return a[-1]", "a[-1] ▸ a[0]"),
        ("def f(a):\n    return max(a)", "max(a) ▸ min(a)"),
        ("def f(a):\n    return g(a) if a else None", "g(a) if a else None ▸ g(a)"),
        ("def f(a, b=1):\n    return a", "1 ▸ 2"),
        ("ROUNDS = 3", "3 ▸ 4"),
    ],
)
def test_an_edit_of_each_kind_is_made(source: str, text: str) -> None:
    assert text in texts(source)


@pytest.mark.parametrize(
    "source",
    [
        'def f(a: int | None) -> "int | None":\n    """Text."""',
        "def f(a):\n    if a:\n        raise ValueError(f'{a + 1}', facts=1)".replace("if a:\n        ", ""),
        "def f():\n    LOG.warning('text', extra=1)\n    faults.reach('a.b')",
        "if TYPE_CHECKING:\n    DAYS = 3",
        "def f(a):\n    return f'{a + 1}'",
    ],
)
def test_types_texts_and_logs_are_left_alone(source: str) -> None:
    assert [text for text in texts(source) if not text.startswith("raise")] == []


def test_each_edit_changes_the_tree_and_can_be_compiled() -> None:
    source = "def f(a, b):\n    if a < b and not b:\n        return sorted(a, key=b)[0]\n    raise ValueError\n"
    as_it_is = ast.dump(ast.parse(source))
    trees = [edited(source, number) for number in range(len(texts(source)))]
    assert all(ast.dump(tree) != as_it_is and compile(tree, "f.py", "exec") for tree in trees)


def test_a_default_stands_outside_the_function_and_the_body_inside() -> None:
    places = {
        edit.text: edit.function for edit in edits(ast.parse("class A:\n    def f(self, b=1):\n        return 5"))
    }
    assert places == {"1 ▸ 2": "", "5 ▸ 6": "A.f"}


def test_a_statement_has_the_lines_before_those_inside_it() -> None:
    source = "def f(a):\n    if (a and\n        a < 2):\n        g(a)\n"
    assert {edit.text: edit.lines for edit in edits(ast.parse(source))}["a < 2 ▸ a <= 2"] == range(2, 4)
