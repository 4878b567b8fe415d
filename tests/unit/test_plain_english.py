"""Texts use the field's standard terms, and a name says what stands behind it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from matinee.settings import CHECKOUT

#: Names that say nothing of what they are bound to.
EMPTY_NAMES = {"found", "one"}
#: Terms that readers have to translate, as patterns in lower case.
BANNED = {
    "anew": "again",
    r"mend(s|ed|ing)?": "repair, correct, heal",
    "likewise": "also",
    r"(hold|holds|held) (\w+ ){0,4}against": "compare with",
    r"(bring|brings|bringing|brought)[ _](\w+ ){0,3}up": "update, follow",
    "of who": "of the one that",
}
TERMS = re.compile(rf"(?<![a-z])({'|'.join(BANNED)})(?![a-z])", re.IGNORECASE)
TEXTS = {".py", ".md", ".yaml", ".sql", ".toml", ".cfg", ".sh", ".service", ".example"}


def tracked() -> Iterator[Path]:
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    yield from (path for path in map(CHECKOUT.joinpath, listed.splitlines()) if path.is_file())


def bound_names(text: str) -> Iterator[tuple[int, str | None]]:
    """Yield the line and the name of each binding of a module."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.arg():
                yield node.lineno, node.arg
            case ast.FunctionDef() | ast.ClassDef() | ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                yield node.lineno, node.name
            case ast.alias():
                yield node.lineno, node.asname


def test_no_name_is_empty() -> None:
    empty = [
        f"{path.relative_to(CHECKOUT)}:{line}: {name}"
        for path in tracked()
        if path.suffix == ".py"
        for line, name in bound_names(path.read_text())
        if name in EMPTY_NAMES
    ]
    assert empty == []


def test_no_name_of_a_test_is_longer_than_a_short_sentence() -> None:
    named = re.compile(r"def (test_\w{66,})")
    assert [name for path in tracked() if path.suffix == ".py" for name in named.findall(path.read_text())] == []


def test_no_text_has_a_banned_term() -> None:
    banned = [
        f"{path.relative_to(CHECKOUT)}:{number}: {term[0]}"
        for path in tracked()
        if (path.suffix in TEXTS or path.name == "Makefile") and path.name not in {"CHANGELOG.md", Path(__file__).name}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (term := TERMS.search(line))
    ]
    assert banned == []


def test_a_binding_is_seen_wherever_it_stands() -> None:
    text = (
        "import a as found\n[one for one in b]\ndef f(found, *, one): ...\nfor one in b: ...\n"
        "try: ...\nexcept E as found: ...\nwith a as one: ...\nmatch a:\n  case [one, *found]: ...\n(found := 1)\n"
    )
    lines = [line for line, name in bound_names(text) if name in EMPTY_NAMES]
    assert sorted(lines) == [1, 2, 3, 3, 4, 6, 7, 9, 9, 10]


def test_a_banned_term_is_seen_in_each_of_its_forms() -> None:
    texts = ["derived anew", "mended", "Likewise,", "held the table against", "brought the table up", "bring_up"]
    assert all(TERMS.search(text) for text in texts)
    assert not any(TERMS.search(text) for text in ["renew", "recommend", "amended", "an upgrade brings", "upheld"])
