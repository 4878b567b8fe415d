"""The cause of a failure, read from a log: deterministic and offline.

Each line is a candidate by the phrases, codes and exceptions that it states, or by the typed error that Matinee
printed. A candidate counts by what its kind says, by its level, and by whether it belongs to the last error: a warning
or an error that a retry passed over is no cause, and a lost connection follows from what killed the server. Of
exceptions that carry others the carried exception is told.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matinee.readout.candidates import LESS, Candidate, candidates, tells_of_failure
from matinee.readout.cause import cause_of
from matinee.readout.log import EXCEPTION, PLAIN, Line, lines_of
from matinee.readout.masking import masked
from matinee.readout.patterns import WEIGHTS
from matinee.readout.statements import names_exception, statements
from matinee.readout.words import GUESS

#: What a candidate gets that belongs to the last error of the log.
_LAST = {"strong": 40, "specific": 40, "generic": 40, "vague": 10, "hint": 5, "consequence": 15, "wrapper": 0}
_SUCCEEDED = re.compile(
    r"(?i)marking task as success|state=success|task (instance )?.{0,80}succeeded|final state:? success"
    r"|\b(command|task|job)\b.{0,80}exit(ed)? (with )?(return )?code:? 0\b"
)
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+)|^\s+at [\w$.]+\(')
_LIBRARY = re.compile(
    r"site-packages|/lib/python3|<frozen|<string>|\bat (java|scala|sun|jdk|org\.apache|io\.grpc|py4j)"
)
#: Patterns that say no more than words do.
_SAY_NO_MORE = {GUESS, "program_fault"}
_CAUSED = re.compile(r"\s*Caused by: ")
_COUNTS, _CAUSE_LENGTH, _EVIDENCE_LINES = 20, 400, 6


@dataclass(frozen=True)
class Readout:
    """What a failure was.

    Attributes:
        kind: its class, one of `patterns.CLASSES`; `unknown`; `none` where the log shows no failure.
        cause: one line.
        evidence: lines of the log, each with its number.
        next_step: what the reader does now.
        retryable: whether the same task may succeed later.
        pattern: the name of the pattern that matched.
    """

    kind: str
    cause: str
    evidence: tuple[str, ...]
    next_step: str
    retryable: bool
    pattern: str = ""


def explain(raw: Iterable[bytes]) -> Readout:
    """Return the read-out of a log, line by line; secrets are masked."""
    lines = lines_of(raw)
    told = [*candidates(lines)]
    telling = [each for each in told if each.pattern.weight != "wrapper" and each.score > WEIGHTS["wrapper"]]
    shows_failure = any(line.told and (line.level == "error" or _fails(line)) for line in lines)
    if not shows_failure:
        # No line says that anything failed: the words of most patterns stand in lines of success, too.
        telling = [each for each in telling if each.pattern.weight == "strong" or each.pattern.any_level]
    if (not shows_failure and not telling) or _succeeded(lines):
        return Readout("none", "The log shows no failure.", (), "Nothing is to be done.", retryable=False)
    serious = [each for each in telling if each.line.level in {"error", PLAIN} or each.pattern.any_level]
    last = max((each.line.entry for each in serious), default=-1)
    best = max(telling, key=lambda each: _rank(each, last), default=None)
    if best is None:
        return _unknown(lines)
    best = _carried(best, telling, last)
    alike = [each for each in telling if each.pattern.name == best.pattern.name != GUESS]
    best = max(alike, key=lambda each: (each.score, _rank(each, last)), default=best)
    return Readout(
        best.pattern.kind,
        _short(cause_of(best, lines)),
        _evidence(lines, best.line),
        masked(best.pattern.next_step),
        best.pattern.retryable,
        best.pattern.name,
    )


def _fails(line: Line) -> bool:
    says = tells_of_failure(line.text) or names_exception(line.text)
    return line.level in LESS and line.level != "warning" and says


def _unknown(lines: Sequence[Line]) -> Readout:
    said = [line for line in lines if line.told and line.text.strip()]
    failing = [line for line in said if line.level == "error"] or [line for line in said if _fails(line)]
    line = (failing or said or lines)[-1]
    return Readout(
        "unknown",
        _short(f"No known failure; the last error is: {line.text.strip()}"),
        _evidence(lines, line),
        "Read the log around the last error, and add a pattern to `readout/patterns/` once the cause is known.",
        retryable=False,
    )


def _carried(best: Candidate, telling: Sequence[Candidate], last: int) -> Candidate:
    """Return what an exception carries, of which words alone tell; the exception itself where it carries nothing."""
    if best.pattern.name != GUESS:
        return best
    inside = [
        each
        for each in telling
        if each.line.entry == best.line.entry
        and each.pattern.name not in _SAY_NO_MORE
        and (
            each.line.follows < best.line.follows
            or (_CAUSED.match(each.line.text) and each.line.number > best.line.number)
        )
    ]
    return max(inside, key=lambda each: _rank(each, last), default=_innermost(best, telling))


def _innermost(best: Candidate, telling: Sequence[Candidate]) -> Candidate:
    """Return the last cause that Java tells below an exception with a message of its own, else the exception."""
    below = [
        each
        for each in telling
        if each.line.entry == best.line.entry
        and each.line.number > best.line.number
        and _CAUSED.match(each.line.text)
        and ": " in statements(each.line.text)[-1].text
    ]
    return max(below, key=lambda each: (each.line.number, each.depth, each.score), default=best)


def _rank(candidate: Candidate, last: int) -> tuple[int, ...]:
    """Order candidates by what they say; among equals the last entry, its root, its last line, the longest match."""
    line = candidate.line
    is_exception = names_exception(line.text)
    score = candidate.score + (_LAST[candidate.pattern.weight] if line.entry == last else 0)
    return score, line.entry, -line.follows, is_exception, line.number, candidate.depth, candidate.length


def _succeeded(lines: Sequence[Line]) -> bool:
    """Whether the last thing that the log tells of its task is success."""
    ended = [line for line in lines[-_COUNTS:] if _SUCCEEDED.search(line.text)]
    return bool(ended) and not any(
        line.number > ended[-1].number and (line.level == "error" or EXCEPTION.match(line.text))
        for line in lines[-_COUNTS:]
    )


def _evidence(lines: Sequence[Line], cause: Line) -> tuple[str, ...]:
    """Return the line of the cause, the frame of the program above it, and the last error."""
    above = [line for line in lines if line.entry == cause.entry and line.number <= cause.number]
    frames = [line for line in above if _FRAME.match(line.text) and not _LIBRARY.search(line.text)]
    last = [line for line in lines if line.level == "error" and line.text.strip()][-1:]
    chosen = {line.number: line for line in (*above[:1], *frames[-1:], cause, *last)}
    return tuple(f"{number}: {_short(chosen[number].text.rstrip())}" for number in sorted(chosen)[:_EVIDENCE_LINES])


def _short(text: str) -> str:
    text = masked(text)
    return text if len(text) <= _CAUSE_LENGTH else f"{text[:_CAUSE_LENGTH]}…"
