"""What tests replace exists: a slow test whose target was renamed would else fail in `make verify` only."""

import ast
import pkgutil
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported(tree: ast.Module) -> dict[str, str]:
    """The full name of what a file imports, by the name that it has in the file."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def replaced(tree: ast.Module) -> Iterator[str]:
    """The full names that a file gives to `setattr`."""
    names = imported(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"):
            continue
        match node.args:
            case [ast.Constant(value=str(path)), *_]:
                yield path
            case [ast.Name(id=name), ast.Constant(value=str(attribute)), *_] if name in names:
                yield f"{names[name]}.{attribute}"


def is_there(path: str) -> bool:
    try:
        pkgutil.resolve_name(path)
    except (AttributeError, ImportError):
        return False
    return True


def test_whatever_tests_replace_is_there() -> None:
    files = {file: ast.parse(file.read_text()) for file in TESTS.rglob("*.py")}
    of_ours = {(file.name, path) for file, tree in files.items() for path in replaced(tree) if "matinee" in path}
    assert len(of_ours) > 100
    assert sorted((file, path) for file, path in of_ours if not is_there(path)) == []


def test_a_name_that_was_renamed_is_seen() -> None:
    tree = ast.parse("from matinee import days\npatch.setattr(days, 'gone', 1)\npatch.setattr('matinee.days.gone', 1)")
    assert [(path, is_there(path)) for path in replaced(tree)] == [("matinee.days.gone", False)] * 2
