"""Pieces of a contract as values: names, flags, words and custom properties, each refused with its place."""

import re
from collections.abc import Mapping
from typing import TypeVar

from matinee.contracts.document import Misplaced, Piece

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_Word = TypeVar("_Word", bound=str)


def custom_of(piece: Piece, known: frozenset[str]) -> Mapping[str, Piece]:
    stated = piece.find("customProperties")
    properties: dict[str, Piece] = {}
    for entry in stated.items() if stated else ():
        name = entry.get("property")
        if name.value not in known:
            raise Misplaced(name.place, f"{name.value!r} is not a custom property of ours: {', '.join(sorted(known))}")
        if name.text() in properties:
            raise Misplaced(name.place, f"{name.value!r} is declared twice")
        properties[name.text()] = entry.get("value")
    return properties


def names_of(stated: Piece | None) -> tuple[str, ...]:
    return tuple(name_of(piece) for piece in stated.items()) if stated else ()


def flag_of(piece: Piece, key: str) -> bool:
    stated = piece.find(key)
    return stated.flag() if stated else False


def word_of(piece: Piece | None, *words: _Word) -> _Word:
    """Return one of some words: the first where nothing is stated."""
    if piece is None:
        return words[0]
    for word in words:
        if piece.value == word:
            return word
    raise Misplaced(piece.place, f"must be {' or '.join(words)}, not {piece.value!r}")


def name_of(piece: Piece) -> str:
    # Names go into SQL text: this is where they become safe.
    return matching(piece, _NAME, "a name: small letters, digits and _, a letter first")


def matching(piece: Piece, pattern: re.Pattern[str], wanted: str) -> str:
    if not isinstance(piece.value, str) or not pattern.fullmatch(piece.value):
        raise Misplaced(piece.place, f"{piece.value!r} is not {wanted}")
    return piece.value
