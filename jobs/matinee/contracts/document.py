"""Reading a YAML contract piece by piece: each piece knows its place, so that what is wrong with it has a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

#: Where a piece stands in its document: keys and positions from the root.
Place = tuple[str | int, ...]

# libyaml reads the shipped contracts about eight times faster than the pure loader; some platforms lack it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Misplaced(Exception):  # noqa: N818 - never leaves this package: it becomes a ContractError or a Problem
    """A piece of the document is missing or of the wrong kind."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason


@dataclass(frozen=True)
class Piece:
    """A value of the document and its place."""

    value: object
    place: Place = ()

    def find(self, key: str) -> "Piece | None":
        """Return the value under `key`, or None where there is none."""
        if not isinstance(self.value, dict):
            raise Misplaced(self.place, f"must be a mapping, not {_kind(self.value)}")
        return Piece(self.value[key], (*self.place, key)) if self.value.get(key) is not None else None

    def get(self, key: str) -> "Piece":
        """Return the value under `key`, which must be there."""
        piece = self.find(key)
        if piece is None:
            raise Misplaced(self.place, f"'{key}' is missing")
        return piece

    def items(self) -> "Iterator[Piece]":
        """Yield the pieces of a list."""
        if not isinstance(self.value, list):
            raise Misplaced(self.place, f"must be a list, not {_kind(self.value)}")
        for position, value in enumerate(self.value):
            yield Piece(value, (*self.place, position))

    def entries(self) -> "Iterator[tuple[str, Piece]]":
        """Yield the keys and pieces of a mapping."""
        if not isinstance(self.value, dict):
            raise Misplaced(self.place, f"must be a mapping, not {_kind(self.value)}")
        for key, value in self.value.items():
            yield str(key), Piece(value, (*self.place, key))

    def text(self) -> str:
        """Return a text that is not empty, without surrounding white space."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise Misplaced(self.place, f"must be a text, not {_kind(self.value)}; quote it if it is one")
        return self.value.strip()

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise Misplaced(self.place, f"must be true or false, not {_kind(self.value)}")
        return self.value

    def whole(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise Misplaced(self.place, f"must be a whole number, not {_kind(self.value)}")
        return self.value

    def number(self) -> float | int:
        """Return a number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise Misplaced(self.place, f"must be a number, not {_kind(self.value)}")
        return self.value


def read(text: str) -> Piece:
    """Return the root of a document.

    Raises:
        Misplaced: the text is not readable YAML; the place holds the line as its only position.
    """
    try:
        return Piece(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise Misplaced(("line", mark.line + 1 if mark else 1), f"is not readable YAML: {reason}") from error


def line_of(file: Path, place: Place) -> int:
    """Return the line, from 1, of the key or list entry at `place`; where it is missing, of the piece above it."""
    if place[:1] == ("line",):
        return int(place[1])
    node = yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)
    line = 1
    for step in place:
        entry = _step(node, step)
        if entry is None:
            break
        mark, node = entry
        line = mark.start_mark.line + 1
    return line


def repeated_keys(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of each key that stands twice in one mapping: YAML would silently keep the last."""
    pending = [yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)]
    done: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) in done:
            continue  # An alias: YAML lets a piece even contain itself.
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    yield key.start_mark.line + 1, key.value
                seen.add(key.value)
                pending.append(value)


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _kind(value: object) -> str:
    return {"dict": "a mapping", "list": "a list", "NoneType": "nothing"}.get(type(value).__name__, repr(value))


def is_number(text: str) -> bool:
    """Whether the text is a finite decimal number, such as "0.5"."""
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False
