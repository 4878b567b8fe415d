"""Every parameter that code reads by its name is registered: so a contract without it is refused."""

import ast
from collections.abc import Iterator

from matinee.contracts.readers import HOOK
from matinee.hooks import registered
from matinee.settings import CHECKOUT

READ = {"duration", "number", "micros"}


def read_by_name() -> Iterator[tuple[str, str]]:
    for path in sorted((CHECKOUT / "jobs" / "matinee").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READ:
                names = [text.value for text in node.args if isinstance(text, ast.Constant)]
                yield from ((path.name, name) for name in names if isinstance(name, str) and "." in name)


def test_each_parameter_that_is_read_by_its_name_is_registered() -> None:
    needed = {name for entry in registered(HOOK).values() for name in entry.load()}
    reads = set(read_by_name())
    assert {(file, name) for file, name in reads if name not in needed} == set()
    assert ("attribution.py", "attribution.window") in reads
