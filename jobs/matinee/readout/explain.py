"""The cause of a failure, read from a log: deterministic and offline.

Each line is a candidate by the patterns that match, by the exception that the line states, or by the typed error that
Matinee printed. A candidate counts by what its pattern says, by its level, and by whether it belongs to the last error:
a warning or an error that a retry passed over is no cause, and a lost connection follows from what killed the server.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matinee.errors import kind_named
from matinee.readout.log import EXCEPTION, PLAIN, Line, lines_of
from matinee.readout.masking import masked
from matinee.readout.patterns import WEIGHTS, Pattern, family, patterns, typed

#: What a level takes from a candidate; lines of other levels count for patterns of any level alone.
_LESS = {"error": 0, PLAIN: 5, "warning": 30}
#: What a candidate gets that belongs to the last error of the log.
_LAST = {"strong": 40, "specific": 40, "generic": 40, "consequence": 5, "wrapper": 0}
_EXCEPTION = re.compile(
    r"^(?:\s*Caused by: |E {1,3}|Exception in thread \"[^\"]*\" |.*?: (?=(?:[\w$]+\.)+[A-Z]\w+: ))?"
    r"(?:(?:[\w$]+(?:\.|::))+(?=[A-Z]\w+(?::|$))|(?=[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Timeout|Warning)(?::|$)))"
    r"([A-Z]\w+)(?:: ?(.*))?$"
)
_TYPED = re.compile(r"\b(\w+Error): (.+?) Next: (.+)$")
_TOLD, _NEXT = re.compile(r"^(\w+): (.+)$"), re.compile(r"^  next: (.+)$")
_SUCCEEDED = re.compile(
    r"(?i)marking task as success|state=success|task (instance )?.{0,80}succeeded|final state:? success"
    r"|\b(command|task|job)\b.{0,80}exit(ed)? (with )?(return )?code:? 0\b"
)
_FAILED = re.compile(
    r"(?i)error\b(?!s)|exception\b|^traceback|negsignal|(exit|return)(ed)? (with )?(status|code):? -?[1-9]"
    r"|\b(fail(ed|ure)?|fatal|panic|killed|abort(ed)?|refused|denied|cannot|could not|unable|violates|exceed(ed|s)?"
    r"|terminat(ed|ing)|timed out|incompatible|corrupt(ed)?)\b"
)
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+)|^\s+at [\w$.]+\(')
_LIBRARY = re.compile(
    r"site-packages|/lib/python3|<frozen|<string>|\bat (java|scala|sun|jdk|org\.apache|io\.grpc|py4j)"
)
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


@dataclass(frozen=True)
class _Candidate:
    line: Line
    pattern: Pattern
    says: str
    score: int


def explain(raw: Iterable[bytes]) -> Readout:
    """Return the read-out of a log, line by line; secrets are masked."""
    lines = lines_of(raw)
    candidates = [*_candidates(lines)]
    telling = [
        candidate
        for candidate in candidates
        if candidate.pattern.weight != "wrapper" and candidate.score > WEIGHTS["wrapper"]
    ]
    errors = [line for line in lines if line.level == "error" and line.text.strip()]
    if not errors and not any(_FAILED.search(line.text) or _EXCEPTION.match(line.text) for line in lines):
        # No line says that anything failed: the words of most patterns stand in lines of success, too.
        telling = [each for each in telling if each.pattern.weight == "strong" or each.pattern.any_level]
    if (not errors and not telling) or _succeeded(lines):
        return Readout("none", "The log shows no failure.", (), "Nothing is to be done.", retryable=False)
    serious = [
        candidate for candidate in telling if candidate.line.level in {"error", PLAIN} or candidate.pattern.any_level
    ]
    last = max((candidate.line.entry for candidate in serious), default=-1)
    best = max(telling, key=lambda candidate: _rank(candidate, last), default=None)
    if best is None:
        best = max(candidates, key=lambda candidate: candidate.line.number, default=None)
    if best is None or best.pattern.weight == "wrapper":
        line = errors[-1] if errors else lines[-1]
        return Readout(
            "unknown",
            _short(f"No known failure; the last error is: {line.text.strip()}"),
            _evidence(lines, line),
            "Read the log around the last error, and add a pattern to `readout/patterns/` once the cause is known.",
            retryable=False,
        )
    return Readout(
        best.pattern.kind,
        _short(best.says),
        _evidence(lines, best.line),
        masked(best.pattern.next_step),
        best.pattern.retryable,
        best.pattern.name,
    )


def _candidates(lines: Sequence[Line]) -> Iterator[_Candidate]:
    everywhere = [pattern for pattern in patterns() if pattern.any_level]
    for place, line in enumerate(lines):
        is_error = line.level in _LESS
        told = _typed(line, lines[place + 1].text if place + 1 < len(lines) else "") if is_error else None
        known = patterns() if is_error else everywhere
        matching = [told] if told else [pattern for pattern in known if pattern.match.search(line.text)]
        stated = _EXCEPTION.match(line.text) if is_error and not matching else None
        if stated:
            matching.append(family(f"{stated[1]}: {stated[2] or ''}"))
        for pattern in matching:
            less = 0 if pattern.any_level else _LESS[line.level]
            says = pattern.says if told else f"{pattern.says}: {line.text.strip()}"
            yield _Candidate(line, pattern, says, WEIGHTS[pattern.weight] - less)


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
    if name not in typed():
        return None
    error = kind_named(name)
    return Pattern(
        name=name,
        kind=typed()[name]["class"],
        match=re.compile(""),
        weight="generic" if typed()[name].get("wraps") else "strong",
        says=message,
        next_step=step,
        retryable=bool(error and error.retryable),
    )


def _rank(candidate: _Candidate, last: int) -> tuple[int, int, int, int]:
    """Order candidates by what they say; among equals the last entry, its last line, and the longest match."""
    line, pattern = candidate.line, candidate.pattern
    score = candidate.score + (_LAST[pattern.weight] if line.entry == last else 0)
    match = pattern.match.search(line.text)
    return score, line.entry, line.number, len(match[0]) if match else 0


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
