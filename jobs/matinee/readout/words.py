"""The class of an error that no pattern, code or name knows: by the words that its name and message have."""

import re
from dataclasses import dataclass
from functools import cache

from matinee.readout.data import read
from matinee.readout.patterns import Pattern

#: The name of the patterns that words alone tell of.
GUESS = "exception"
_POINTS = (3, 2, 1)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class _Class:
    pattern: Pattern
    words: tuple[tuple[int, re.Pattern[str]], ...]


def by_words(text: str, weight: str, least: int = 1) -> Pattern | None:
    """Return what the words of an error say; None where no class has the least points."""
    spaced = _HUMPS.sub(" ", text).replace("_", " ").lower()
    points = {
        known.pattern.kind: sum(count for count, word in known.words if word.search(spaced)) for known in _classes()
    }
    most = max(points.values())
    if most < least:
        return None
    told = next(known.pattern for known in _classes() if points[known.pattern.kind] == most)
    return told.weighing(weight)


def unexplained() -> Pattern:
    """Return what is said of an exception whose words say nothing: a fault of the program that raised it."""
    return next(known.pattern for known in _classes() if known.pattern.kind == "code").weighing("vague")


@cache
def _classes() -> tuple[_Class, ...]:
    return tuple(
        _Class(
            Pattern(
                name=GUESS,
                kind=stated["class"],
                match=None,
                weight="generic",
                says="The program failed",
                next_step=stated["next_step"],
                retryable=stated.get("retryable", False),
            ),
            tuple((points, re.compile(rf"(?<![a-z]){word}")) for points in _POINTS for word in stated[points]),
        )
        for stated in read("words.yaml")
    )
