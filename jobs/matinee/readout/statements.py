"""What a line states: the exceptions and errors that it names, the outer ones first, each with its message."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from matinee.readout.codes import kind_of_exception

_ENDS = r"(?:Error|Exception|Exit|Interrupt|Failure|Failed|Timeout|Warning|Fault|Denied|NotFound|Violation|Errors)"
#: Where an exception is named: with its package, by the end of its name, or by what engines write before a message.
_NAMED = re.compile(
    r"(?<![\w$./'\"-])(?:"
    r"(?:[A-Za-z_$][\w$]*(?:\.|::))+(?:[A-Z]\w*\$)*(?P<packaged>[A-Z]\w*)"
    r"(?=\)[ :]|:(?![/:\d])|\((?=[\"'A-Z<])|;? *$|\.? ?$)"
    rf"|(?P<bare>[A-Z][A-Za-z]*{_ENDS})(?=\)[ :]|: ?(?!:)|\((?=[\"'A-Z<\d]|message:)| *$)"
    r"|(?P<worded>[A-Z]\w+(?: \w+)? error)(?=: )"
    r")"
)
#: What may stand before an exception that begins a line.
_BEFORE = re.compile(r"\W*(?:Caused by: |Suppressed: |Exception in thread \"[^\"]*\" |E {1,3})?\W*")
#: A packaged name that is no exception: `org.example.Main:`.
_ERRORS = re.compile(rf"{_ENDS}$|errors?\b|exceptions?\b|\bexc\b|errorfactory")


@dataclass(frozen=True)
class Statement:
    """An exception that a line names, or the line itself where it names none.

    Attributes:
        text: the name and the message, up to the next exception.
        told: the same up to the end of the line.
        name: the name without its package; empty where the line names none.
        kind: the name of the pattern that the exception stands for by its name alone, if any.
    """

    text: str
    told: str
    name: str = ""
    kind: str | None = None


def statements(text: str) -> tuple[Statement, ...]:
    """Return what a line states, the outer exceptions before those that they carry."""
    places = [*_places(text)]
    if not places:
        return (Statement(text, text),)
    starts = [0, *(start for start, _ in places[1:]), len(text)]
    return tuple(
        Statement(text[start:end], text[start:], _without_package(name), kind_of_exception(name))
        for (_, name), start, end in zip(places, starts, starts[1:], strict=False)
    )


def names_exception(text: str) -> bool:
    """Whether a line begins with an exception."""
    return next((bool(_BEFORE.fullmatch(text[:start])) for start, _ in _places(text)), False)


def _places(text: str) -> Iterator[tuple[int, str]]:
    for named in _NAMED.finditer(text):
        if named["packaged"] and not (_ERRORS.search(named[0]) or kind_of_exception(named[0])):
            continue
        yield named.start(), named[0]


def _without_package(name: str) -> str:
    return re.split(r"[.$]|::", name)[-1]
