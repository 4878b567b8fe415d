"""The fields of a rule: how each is read from YAML."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from matinee.alerts.model import SEVERITIES
from matinee.alerts.rules.kinds import KINDS
from matinee.alerts.rules.model import Route
from matinee.contracts.document import Piece
from matinee.days import parse_duration
from matinee.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{2,59}")
_CONNECTION = re.compile(r"[A-Za-z0-9_.-]{1,200}")
#: A value of a field, read with what was read before.
Parse = Callable[[Piece, Mapping[str, Any]], Any]


class Misread(Exception):  # noqa: N818 - never leaves this package: it becomes a Problem
    """A field says what it must not say; `at` is where, within the rule."""

    def __init__(self, at: tuple[str | int, ...], reason: str, next_step: str | None = None) -> None:
        super().__init__(at, reason)
        self.at, self.reason, self.next_step = at, reason, next_step


@dataclass(frozen=True)
class Field:
    """How a field is read; `attribute` is its name in a rule where `name` is a word of Python."""

    parse: Parse
    required: Callable[[Mapping[str, Any]], str] = lambda _: ""
    attribute: str = ""


def parsed(spec: Field, name: str, piece: Piece | None, before: Mapping[str, Any]) -> object:
    """Return the value of a field; None where it is not stated.

    Raises:
        Misread: it is missing and has to be stated, or has a wrong value.
        Misplaced: it is of the wrong kind.
    """
    if piece is None or piece.value is None:
        if why := spec.required(before):
            raise Misread((name,) if piece else (), f"'{name}' is missing: {why}", f"Add `{name}:` to the rule.")
        return None
    return spec.parse(piece, before)


def _named(piece: Piece, _: Mapping[str, Any]) -> str:
    name = piece.text()
    if not _NAME.fullmatch(name):
        raise Misread(("name",), f"name '{name}' is not of the form a_short_name", "Use small letters, digits and _.")
    return name


def _choice(name: str, choices: tuple[str, ...]) -> Parse:
    def parse(piece: Piece, _: Mapping[str, Any]) -> str:
        value = piece.text()
        if value not in choices:
            near = get_close_matches(value, choices, n=1)
            step = f"Did you mean {near[0]}?" if near else f"Write one of {', '.join(choices)}."
            raise Misread((name,), f"{name} '{value}' is unknown", step)
        return value

    return parse


def _length(name: str) -> Parse:
    def parse(piece: Piece, _: Mapping[str, Any]) -> timedelta:
        try:
            length = parse_duration(piece.text())
        except UsageError as error:
            raise Misread((name,), f"{name}: {error.message}", error.next_step) from error
        if name == "repeat" and length < timedelta(minutes=5):
            raise Misread((name,), f"repeat {piece.value} is too often", "Write 5m or more.")
        return length

    return parse


def _threshold(piece: Piece, before: Mapping[str, Any]) -> float:
    kind = before["kind"]
    match KINDS[kind].unit:
        case "none":
            raise Misread(("threshold",), f"a rule of kind {kind} has no threshold", "Remove the line.")
        case "time":
            try:
                return parse_duration(piece.text()).total_seconds()
            except UsageError as error:
                raise Misread(("threshold",), f"threshold: {error.message}", error.next_step) from error
        case "share":
            share = float(piece.number())
            if not 0 <= share < 1:
                step = "Write a share, such as 0.05 for 5 %."
                raise Misread(("threshold",), f"threshold {piece.value} is no share from 0 to 1", step)
            return share


def _patterns(name: str) -> Parse:
    def parse(piece: Piece, before: Mapping[str, Any]) -> tuple[str, ...]:
        about = KINDS[before["kind"]].about
        if about != name:
            raise Misread((name,), f"a rule of kind {before['kind']} is not about {name}", "Remove the line.")
        patterns = tuple(item.text() for item in piece.items())
        if not patterns:
            raise Misread((name,), f"{name} is an empty list: the rule is about nothing", "Name some, or remove it.")
        for position, pattern in enumerate(patterns):
            if pattern in patterns[:position]:
                raise Misread((name, position), f"{pattern} stands twice", "Remove one of the two.")
        return patterns

    return parse


def _routes(piece: Piece, _: Mapping[str, Any]) -> tuple[Route, ...]:
    routes: list[Route] = []
    for position, item in enumerate(piece.items()):
        stated = dict(item.entries())
        for key in stated:
            if key not in {"channel", "connection"}:
                step = "Write `{channel: slack, connection: slack_default}`."
                raise Misread(("route", position, key), f"'{key}' is no field of a route", step)
        route = Route(item.get("channel").text(), item.get("connection").text())
        if not _CONNECTION.fullmatch(route.connection):
            step = "Use letters, digits, `_`, `.` and `-`, as Airflow does."
            raise Misread(("route", position, "connection"), f"'{route.connection}' is no name of a connection", step)
        if route in routes:
            raise Misread(("route", position), f"the route {route} stands twice", "Remove one of the two.")
        routes.append(route)
    if not routes:
        step = "Name a channel, or remove `route`: the route of MATINEE_ALERTS_ROUTE is taken then."
        raise Misread(("route",), "route is an empty list: nobody would be told", step)
    return tuple(routes)


def _runbook(piece: Piece, _: Mapping[str, Any]) -> str:
    text = piece.text()
    file, mark, section = text.partition("#")
    if not (file.endswith(".md") and mark and section):
        raise Misread(("runbook",), f"runbook '{text}' is not FILE.md#Section", "Write lake.md#Stale dataset, say.")
    return text


def _budget(piece: Piece, _: Mapping[str, Any]) -> int:
    budget = piece.whole()
    if budget < 1:
        raise Misread(("budget",), f"budget {budget} allows no page", "Write 1 or more, or make it a warning.")
    return budget


FIELDS: dict[str, Field] = {
    "name": Field(_named, lambda _: "incidents and backtests name the rule"),
    "kind": Field(_choice("kind", tuple(KINDS)), lambda _: f"one of {', '.join(KINDS)}"),
    "severity": Field(_choice("severity", SEVERITIES), lambda _: f"one of {', '.join(SEVERITIES)}"),
    "datasets": Field(_patterns("datasets")),
    "dags": Field(_patterns("dags")),
    "threshold": Field(
        _threshold,
        lambda before: (
            f"nothing else says what {before['kind']} is too much" if KINDS[before["kind"]].needs_threshold else ""
        ),
    ),
    "for": Field(_length("for"), attribute="holds_for"),
    "repeat": Field(_length("repeat")),
    "route": Field(_routes),
    "runbook": Field(_runbook, lambda _: "whoever is told must find what to do"),
    "budget": Field(
        _budget, lambda before: "a page needs the highest number a week" if before["severity"] == "page" else ""
    ),
}
