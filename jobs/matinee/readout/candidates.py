"""Candidates for the cause of a failure: what each line of a log tells, and how much each counts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matinee.errors import kind_named
from matinee.readout.codes import coded, leading, of_any_level, spaces
from matinee.readout.log import CONTEXT, PLAIN, Line
from matinee.readout.patterns import WEIGHTS, Pattern, named, patterns, patterns_of_any_level, typed
from matinee.readout.statements import Statement, names_exception, statements
from matinee.readout.words import by_words, unexplained

#: What a level takes from a candidate; lines of other levels count for patterns of any level alone.
LESS = {"error": 0, PLAIN: 5, "warning": 30}
#: Weights of patterns that leave the cause to the words of the message.
_SAY_LITTLE = ("hint", "wrapper")
#: What Python and Java raise whatever the fault is: words of the message that are sure say more.
_FAULT = "program_fault"
#: Points that words must have in the message of an exception that carries others.
_SURE = 3
#: Of a line with fewer characters the whole is told, of another what begins with the cause.
_WHOLE = 300
#: What an exception's name takes from a candidate: its message says more; what a name takes that no message follows;
#: what is left at least.
_BY_NAME, _BARE, _LEAST = 10, 15, 6
#: Lines of a message that are read, and what is none.
_LINES, _NO_MESSAGE = 6, re.compile(r"\s*(Traceback|During handling|The above exception|\[SQL: |\(Background on)")
_MESSAGE = re.compile(r"[\w$.]+[:(]\W*\w")
#: An error of Matinee's own as its text, or as the line that a failed task ends with.
_TYPED = re.compile(r"\b(\w+Error): (.+?) (?:Next|\| next): (.+?)(?: \| runbook: .*)?$")
_TOLD, _NEXT = re.compile(r"^(\w+): (.+)$"), re.compile(r"^  next: (.+)$")
_FAILED = re.compile(
    r"(?i)error\b(?!s)|exception\b|^traceback|^caused by: |^broken\b|negsignal"
    r"|(exit|return)(ed)? (with )?(status|code):? -?[1-9]"
    r"|\b(fail(ed|ure)?|fatal|panic|killed|abort(ed)?|refused|denied|cannot|could not|unable|violates|exceed(ed|s)?"
    r"|terminat(ed|ing)|timed out|incompatible|corrupt(ed)?)\b"
)


@dataclass(frozen=True)
class Candidate:
    """What a line may say of the cause.

    Attributes:
        line: the line.
        pattern: the kind of failure.
        says: the cause in words.
        score: how much the candidate counts.
        depth: how far inside of other statements of its line the candidate stands.
        length: of what told of the kind.
    """

    line: Line
    pattern: Pattern
    says: str
    score: int
    depth: int = 0
    length: int = 0


def tells_of_failure(text: str) -> bool:
    """Whether a line has words of a failure."""
    return bool(_FAILED.search(text))


def candidates(lines: Sequence[Line]) -> Iterator[Candidate]:
    """Yield the candidates of all lines."""
    chained = {line.entry for line in lines if line.text == CONTEXT}
    for place, line in enumerate(lines):
        if not line.told:
            continue
        following = lines[place + 1].text if place + 1 < len(lines) else ""
        told = _typed(line, following) if line.level in LESS else None
        if told:
            yield Candidate(line, told, told.says, WEIGHTS[told.weight] - LESS[line.level])
        elif line.level in LESS:
            yield from _of_error(line, message_from(lines, place), is_chained=line.entry in chained)
        else:
            yield from _at_any_level(line)


def message_from(lines: Sequence[Line], place: int) -> str:
    """Return a line; where the line begins with an exception, with the lines that its message has."""
    texts = [lines[place].text.rstrip()]
    if names_exception(texts[0]):
        for line in lines[place + 1 : place + _LINES]:
            goes_on = (
                line.told
                and line.entry == lines[place].entry
                and line.text.strip()
                and line.follows == lines[place].follows
            )
            if not goes_on or names_exception(line.text) or _NO_MESSAGE.match(line.text):
                break
            texts.append(line.text.strip())
    return " ".join(texts)


def _of_error(line: Line, text: str, *, is_chained: bool) -> Iterator[Candidate]:
    stated = statements(text)
    is_bare = bool(stated[-1].name) and not _MESSAGE.search(stated[-1].text)
    for depth, statement in enumerate(stated):
        innermost = depth == len(stated) - 1
        for kind, length in _kinds(line, statement, innermost=innermost):
            # Where one exception was raised while another was handled, a fault of the program says less than the other.
            pattern = kind.weighing("vague") if kind.name == _FAULT and is_chained else kind
            told = text if len(text) <= _WHOLE else statement.told
            says = f"{pattern.says}: {told.strip()}"
            less = (not length) * _BY_NAME + (innermost and is_bare) * _BARE
            score = max(WEIGHTS[pattern.weight] - less, min(WEIGHTS[pattern.weight], _LEAST))
            yield Candidate(line, pattern, says, score - (0 if pattern.any_level else LESS[line.level]), depth, length)


def _kinds(line: Line, statement: Statement, *, innermost: bool) -> Iterator[tuple[Pattern, int]]:
    """Yield the patterns that a statement matches, with the length of the match; 0 where the name alone tells."""
    told = [*_matching(statement.text)]
    if statement.kind:
        told.append((named()[statement.kind], 0))
    yield from told
    faulty = [(named()[_FAULT], 0)] == told
    if innermost and (faulty or all(pattern.weight in _SAY_LITTLE for pattern, _ in told)):
        guess = _guess(line, statement, carries=bool(told))
        if guess and not (faulty and guess.kind == named()[_FAULT].kind):
            yield guess.weighing("generic") if faulty else guess, 1


def _guess(line: Line, statement: Statement, *, carries: bool) -> Pattern | None:
    """Return what the words of a statement say; `carries`: the statement is of a kind that leaves the cause to them."""
    if not statement.name:
        is_error = line.level == "error" or tells_of_failure(statement.text)
        return by_words(statement.text, "vague", least=_SURE if carries else 1) if is_error else None
    message = statement.text.partition(statement.name)[2]
    if carries:
        return by_words(message, "vague", least=_SURE)
    return by_words(f"{statement.name} {message}", "generic") or unexplained()


def _matching(text: str) -> Iterator[tuple[Pattern, int]]:
    first = leading(text)
    if first and named()[first].weight != "wrapper":
        yield named()[first].weighing("specific"), len(text)
        return
    for pattern in patterns():
        match = pattern.match and pattern.match.search(text)
        if match:
            yield pattern, len(match[0])
    for kind, length in coded(text, spaces()):
        yield named()[kind], length


def _at_any_level(line: Line) -> Iterator[Candidate]:
    for pattern in patterns_of_any_level():
        match = pattern.match and pattern.match.search(line.text)
        if match:
            yield Candidate(
                line, pattern, f"{pattern.says}: {line.text.strip()}", WEIGHTS[pattern.weight], 0, len(match[0])
            )
    for kind, length in of_any_level(line.text):
        pattern = named()[kind]
        yield Candidate(line, pattern, f"{pattern.says}: {line.text.strip()}", WEIGHTS[pattern.weight], 0, length)


def _typed(line: Line, following: str) -> Pattern | None:
    """Return what a line tells of an error of Matinee's own, as a traceback or the command line prints it."""
    told, step = _TYPED.search(line.text), None
    if told:
        name, message, step = told.groups()
    else:
        told, following_step = _TOLD.match(line.text), _NEXT.match(following)
        if not told or not following_step:
            return None
        name, message, step = f"{told[1]}Error", told[2], following_step[1]
    return of_error(name, message, step)


def of_error(name: str, message: str, next_step: str) -> Pattern | None:
    """Return what an error of Matinee's own tells; None for other names."""
    if name not in typed():
        return None
    error = kind_named(name)
    return Pattern(
        name=name,
        kind=typed()[name]["class"],
        match=None,
        weight="generic" if typed()[name].get("wraps") else "strong",
        says=message,
        next_step=next_step,
        retryable=bool(error and error.retryable),
    )
