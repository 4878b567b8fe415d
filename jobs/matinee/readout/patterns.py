"""What is known of failures, as data: patterns of lines, families of exceptions, classes of Matinee's own errors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

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
#: How much a match says: `strong` explains later failures of another kind, `consequence` and `wrapper` follow from
#: others.
WEIGHTS = {"strong": 100, "specific": 60, "generic": 30, "consequence": 20, "wrapper": 0}
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Pattern:
    """A kind of failure that a line of a log shows.

    Attributes:
        name: of the kind.
        kind: the class of the failure, one of CLASSES.
        match: what a line of the kind contains.
        weight: a name of WEIGHTS.
        says: the cause in words; the line follows.
        next_step: for the person who is called.
        retryable: whether the same task may succeed later.
        any_level: whether lines that are no errors count, too.
    """

    name: str
    kind: str
    match: re.Pattern[str]
    weight: str
    says: str
    next_step: str
    retryable: bool = False
    any_level: bool = False


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return the patterns of `patterns/<class>.yaml`, in the order of CLASSES."""
    return tuple(
        Pattern(
            name=stated["name"],
            kind=stated.get("class", kind),
            match=re.compile(stated["match"]),
            weight=stated.get("weight", "specific"),
            says=stated["says"],
            next_step=stated["next_step"],
            retryable=stated.get("retryable", False),
            any_level=stated.get("any_level", False),
        )
        for kind in CLASSES
        for stated in _read(f"patterns/{kind}.yaml")
    )


@cache
def family(exception: str) -> Pattern:
    """Return what is known of an exception, `Type: message`, that no pattern knows."""
    stated = next(stated for stated in _read("exceptions.yaml") if re.search(stated["match"], exception))
    return Pattern(
        name="exception",
        kind=stated["class"],
        match=re.compile(""),
        weight="generic",
        says="The program failed",
        next_step=stated["next_step"],
        retryable=stated.get("retryable", False),
    )


@cache
def typed() -> Mapping[str, Mapping[str, Any]]:
    """Return the class of each of Matinee's own errors, and whether it wraps another failure, by its name."""
    known: Mapping[str, Mapping[str, Any]] = _read("typed.yaml")
    return known


def _read(name: str) -> Any:  # noqa: ANN401 - a document
    return yaml.safe_load((_FOLDER / name).read_text())
