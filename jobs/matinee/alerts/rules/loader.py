"""Reading the rules of `sql/alerts/*.yaml`: every mistake has its file, its line and a next step."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from matinee.alerts.rules.fields import FIELDS, Misread, parsed
from matinee.alerts.rules.model import Rule
from matinee.alerts.rules.runbooks import ParseCommand, Section, sections
from matinee.contracts.document import Misplaced, Piece, line_of, read, repeated_keys
from matinee.errors import SettingsError

_CORRECT = "Correct the line; `matinee alerts check` looks again."


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong with a rule or a runbook, and where."""

    file: Path
    line: int
    reason: str
    next_step: str = field(default=_CORRECT, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Known:
    """What rules may name; None: it is not known here, so it is not checked."""

    datasets: Mapping[str, bool] | None = None
    dags: Collection[str] | None = None
    channels: Collection[str] | None = None
    parse: ParseCommand = lambda _: None


def load(folder: Path) -> tuple[Rule, ...]:
    """Return the rules of a folder.

    Raises:
        SettingsError: a file cannot be read, or a rule is wrong; the error names the first mistake.
    """
    rules, problems = look(folder, Known())
    if problems:
        raise SettingsError(
            f"{len(problems)} mistakes in the rules of alerts; the first is {problems[0]}.",
            next_step="`matinee alerts check` names them all.",
            facts={"file": problems[0].file, "line": problems[0].line},
        )
    return rules


def look(folder: Path, known: Known) -> tuple[tuple[Rule, ...], list[Problem]]:
    """Return the rules of a folder that are well-formed, and what is wrong with the others, and with runbooks."""
    books, problems = sections(folder / "runbooks", known.parse)
    told = [Problem(*each) for each in problems]
    rules: dict[str, Rule] = {}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        told.append(Problem(folder, 1, "holds no rules", "Put a rule file there, such as sql/alerts/lake.yaml."))
    for file in files:
        try:
            for rule, place in _rules_of(file, told):
                told += _unknown(rule, place, known, books)
                if rule.name in rules:
                    told.append(Problem(file, rule.line, f"a rule is called {rule.name} twice", "Rename this rule."))
                rules.setdefault(rule.name, rule)
        except (Misplaced, OSError, UnicodeError) as error:
            told.append(_unreadable(file, error))
    return tuple(rules.values()), sorted(told)


def _unreadable(file: Path, error: Exception) -> Problem:
    if isinstance(error, Misplaced):
        return Problem(file, _line(file, error.place), _placed(error))
    return Problem(file, 1, f"cannot be read: {error}", "Give the file the right owner, and UTF-8 as its encoding.")


def _rules_of(file: Path, told: list[Problem]) -> Iterator[tuple[Rule, "Place"]]:
    """Yield the well-formed rules of a file, each with the lines of its fields."""
    root = read(file.read_text(encoding="utf-8"))
    if root.value is None:
        raise Misplaced((), "is empty: a rule file has a list under `rules`")
    for line, key in repeated_keys(file):
        told.append(Problem(file, line, f"'{key}' stands twice here", "Remove one of the two."))
    for key, piece in root.entries():
        if key != "rules":
            told.append(Problem(file, _line(file, piece.place), f"'{key}' is unknown here: a rule file has `rules`"))
    for piece in root.get("rules").items():
        place = Place(file, piece)
        try:
            yield _rule(piece, place), place
        except Misread as error:
            told.append(Problem(file, place.line(*error.at), error.reason, error.next_step or _CORRECT))
        except Misplaced as error:
            told.append(Problem(file, _line(file, error.place), _placed(error)))


@dataclass(frozen=True)
class Place:
    """Where a rule stands."""

    file: Path
    piece: Piece

    def line(self, *steps: str | int) -> int:
        """Return the line of a field of the rule."""
        return _line(self.file, (*self.piece.place, *steps))


def _rule(piece: Piece, place: Place) -> Rule:
    stated = dict(piece.entries())
    for key in stated:
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, n=1)
            raise Misread((key,), f"'{key}' is no field of a rule", f"Did you mean {near[0]}?" if near else None)
    values: dict[str, Any] = {}
    for name, spec in FIELDS.items():
        value = parsed(spec, name, stated.get(name), values)
        if value is not None:
            values[spec.attribute or name] = value
    return Rule(**values, file=place.file, line=place.line())


def _unknown(rule: Rule, place: Place, known: Known, books: Mapping[str, Section]) -> Iterator[Problem]:
    """Yield what a rule names that is not there."""
    if rule.runbook not in books:
        near = get_close_matches(rule.runbook, books, n=1, cutoff=0.3)
        step = f"Did you mean {near[0]}?" if near else "Write the section in sql/alerts/runbooks/."
        yield Problem(place.file, place.line("runbook"), f"no runbook has the section {rule.runbook}", step)
    if known.datasets is not None:
        yield from _no_match("datasets", rule.datasets, known.datasets, place)
        if rule.kind == "freshness" and rule.threshold is None:
            yield from _without_target(rule, known.datasets, place)
    if known.dags is not None:
        yield from _no_match("dags", rule.dags, known.dags, place)
    for position, route in enumerate(rule.route or ()):
        if known.channels is not None and route.channel not in known.channels:
            step = f"Name one of {', '.join(sorted(known.channels))}."
            line = place.line("route", position)
            yield Problem(place.file, line, f"no channel is called {route.channel}", step)


def _no_match(name: str, patterns: tuple[str, ...], known: Collection[str], place: Place) -> Iterator[Problem]:
    for position, pattern in enumerate(patterns):
        if not any(fnmatchcase(each, pattern) for each in known):
            near = get_close_matches(pattern, known, n=1, cutoff=0.4)
            step = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
            what = f"{pattern} is none of the {name}" if "*" not in pattern else f"{pattern} matches none of the {name}"
            yield Problem(place.file, place.line(name, position), what, step)


def _without_target(rule: Rule, datasets: Mapping[str, bool], place: Place) -> Iterator[Problem]:
    """Yield the datasets that a rule names whose contracts promise no freshness."""
    for position, pattern in enumerate(rule.datasets):
        if pattern in datasets and not datasets[pattern]:
            reason = f"the contract of {pattern} states no freshness, and the rule no threshold"
            yield Problem(place.file, place.line("datasets", position), reason, "State a threshold, such as 36h.")


def _placed(error: Misplaced) -> str:
    name = next((str(step) for step in reversed(error.place) if isinstance(step, str) and step != "line"), "")
    return f"{name} {error.reason}" if name and not error.reason.startswith(("is ", "'")) else error.reason


def _line(file: Path, place: tuple[str | int, ...]) -> int:
    return line_of(file, place)
