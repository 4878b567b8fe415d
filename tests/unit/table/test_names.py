"""Prefixes of branches and tags: one module alone writes them, for expiry, clean-up and readers."""

import ast
import re
from pathlib import Path

import matinee
import matinee_airflow
from matinee.table import names

PREFIXES = {*names.WORK, names.EXPERIMENT, names.LEASE, names.PUBLICATION, names.MARKER, names.PIN, names.BEGUN}


def test_no_other_module_writes_a_prefix() -> None:
    folders = (Path(package.__path__[0]) for package in (matinee, matinee_airflow))
    modules = (path for folder in folders for path in folder.rglob("*.py") if path != Path(names.__file__))
    texts = ((path, node.value) for path in modules for node in ast.walk(ast.parse(path.read_text())) if is_text(node))
    # Of `f"x.branch_audit_{identity}"` the first part is a text, and ends with the prefix.
    written = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(PREFIXES)})$")
    assert [(path.name, text) for path, text in texts if written.search(text)] == []


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_no_prefix_begins_another() -> None:
    assert [(prefix, other) for prefix in PREFIXES for other in PREFIXES - {prefix} if prefix.startswith(other)] == []
