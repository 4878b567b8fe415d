"""What is known of failures, as data: kinds of failures, each with the phrases that tell of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from matinee.readout.data import read

CLASSES = (
    "input",
    "contract",
    "code",
    "configuration",
    "permission",
    "resource",
    "network",
    "conflict",
    "external",
    "platform",
)
#: How much a match says: `strong` explains later failures of another kind; `consequence` and `wrapper` follow from
#: others; `vague` is a guess, `hint` less than a guess.
WEIGHTS = {"strong": 105, "specific": 60, "generic": 30, "consequence": 20, "vague": 10, "hint": 8, "wrapper": 0}


@dataclass(frozen=True)
class Pattern:
    """A kind of failure.

    Attributes:
        name: of the kind.
        kind: the class of the failure, one of CLASSES.
        match: what a line of the kind contains; None where only codes and names tell of the kind.
        weight: a name of WEIGHTS.
        says: the cause in words; the line follows.
        next_step: for the person who is called.
        retryable: whether the same task may succeed later.
        any_level: whether lines that are no errors count, too.
    """

    name: str
    kind: str
    match: re.Pattern[str] | None
    weight: str
    says: str
    next_step: str
    retryable: bool = False
    any_level: bool = False

    def weighing(self, weight: str) -> "Pattern":
        """Return the pattern with another weight."""
        return replace(self, weight=weight)


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return the patterns of `patterns/<class>.yaml`, in the order of CLASSES."""
    return tuple(
        Pattern(
            name=stated["name"],
            kind=stated.get("class", kind),
            match=re.compile(stated["match"]) if "match" in stated else None,
            weight=stated.get("weight", "specific"),
            says=stated["says"],
            next_step=stated["next_step"],
            retryable=stated.get("retryable", False),
            any_level=stated.get("any_level", False),
        )
        for kind in CLASSES
        for stated in read(f"patterns/{kind}.yaml")
    )


@cache
def patterns_of_any_level() -> tuple[Pattern, ...]:
    """Return the patterns for which lines count that are no errors."""
    return tuple(pattern for pattern in patterns() if pattern.any_level)


@cache
def named() -> Mapping[str, Pattern]:
    """Return the patterns by their names."""
    return {pattern.name: pattern for pattern in patterns()}


@cache
def typed() -> Mapping[str, Mapping[str, Any]]:
    """Return the class of each of Matinee's own errors, and whether it wraps another failure, by its name."""
    known: Mapping[str, Mapping[str, Any]] = read("typed.yaml")
    return known
