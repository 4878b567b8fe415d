"""Lines of a log with the level that their writer gave: of Airflow (text and JSON), Python, Spark, servers, kernels."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

#: Of a long log its beginning and its end are read (lines), of a long line its beginning (characters; of JSON bytes).
FIRST_LINES, LAST_LINES, LINE_LENGTH, JSON_BYTES = 2_000, 20_000, 4_000, 1 << 20
#: The level of lines that state none.
PLAIN = "plain"
_LEVELS = {
    "trace": "debug", "debug": "debug", "fine": "debug", "info": "info", "notice": "info", "log": "info",
    "warn": "warning", "warning": "warning", "error": "error", "severe": "error", "critical": "error",
    "fatal": "error", "panic": "error", "alert": "error", "emerg": "error",
}  # fmt: skip
_WORD = "|".join(_LEVELS)
_TIME = r"\[?(?:\d{2,4}[-/.]\d\d[-/.]\d\d[T ])?\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d| UTC| [A-Z]{3,4})?\]?"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f]")
_TIMED = re.compile(rf"^(?:[IWEF]\d{{4}} )?{_TIME}\s*(?:[-|:]\s*)?")
_SHORT = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d")
_SHORT_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "error"}
# A level in capitals near the beginning, in brackets, behind `level=`, or at the beginning before a colon.
_LEVEL = re.compile(
    rf"^[^\"']{{0,100}}?(?:\b({_WORD.upper()})\b|\[({_WORD})\s*\]|\blevel=\"?({_WORD})\b)|^({_WORD}):", re.ASCII
)
_BEGINS_TRACE = re.compile(r"^\s*(Traceback \(most recent call last\)|Exception in thread|Unhandled exception)")
_CONTINUES = re.compile(
    r"^(\s|File \"|Caused by|caused by$|\.\.\. \d+ more|During handling of|The above exception was|Traceback \(most"
    r"|\)|\}|\]"
    r"|(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Timeout)\b|$)"
)
EXCEPTION = re.compile(
    r"^(?:Caused by: )?(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Timeout)(?::|$)"
)
_FRAME = re.compile(r"^\s+(?:at |File |\.\.\. \d+)|^File \"?[^,]+\"?, line \d+,? in |^File [^ ]+:\d+,? in |^Cell In")
# What stands below a frame of Python: its source, and marks below the source.
_SOURCE = re.compile(r"^\s{3,}\S|^\s*(?:-+> *)?\d+ (?: |$)|^-+> \d+ ")
_PYTHON_FRAME = re.compile(r"^\s*(?:\d+: )?File \"|^File [^ ]+:\d+|^Cell In")
# What a composer of containers, a table of a page, or Airflow's runner of tasks puts before each line.
_PREFIX = re.compile(r"^(?:[\w./-]+ +\| |\s*│ ?)|(?<=- )Job \d+: Subtask \S+ ")
# Where Airflow logs the output of another program as information.
_OUTPUT = re.compile(r"^[^{]{0,60}\{+(?:subprocess|spark_submit|docker|ssh|winrm|logging_mixin)\.py:\d+\}+ INFO - ")
_OUTPUT_LOGGERS = ("hooks.subprocess", "task.stdout", "task.stderr", "spark_submit")
# A line of a document about a failure, as services print them: what failed.
_FAILURE_FIELD = re.compile(
    r"\s*\"(?:internalMessage|errorMessage|error_message|failureReason|failure_reason|StatusMessage|ErrorMessage)\""
    r"\s*:\s*\"(.+?)\"?,?$"
)
#: So many lines the message of an exception has at the most, the first among them.
_MESSAGE_LINES = 6
#: So many lines a warning of Python has at the most.
_WARNING_LINES = 6
_PYTHON_WARNING = re.compile(r"^\S+:\d+: (?:[\w.]+\.)?[A-Z]\w*Warning: ")
# What an entry of JSON says beside its message about the end of a process.
_ENDS = ("exit_code", "signal_name", "reason")
_SYSLOG, _SYSLOG_LEVELS = re.compile(r"^%([0-7])\|"), ("error",) * 4 + ("warning",) + ("info",) * 2 + ("debug",)
_CAUSE, CONTEXT = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
# What Dagster writes above a cause or a context: the root comes last.
_BELOW = (
    "The above exception was caused by the following exception:",
    "The above exception occurred during handling of the following exception:",
)


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes:
        number: in the file, from 1.
        text: without escape codes; of JSON lines the message.
        level: debug, info, warning or error; `plain` where the writer states none.
        entry: the number of the entry that the line belongs to: a line with a level and the lines that continue it.
        told: whether the line says something; a frame and a line of source in a traceback say nothing.
        follows: how many exceptions of the entry are direct causes of what the line says.
    """

    number: int
    text: str
    level: str
    entry: int
    told: bool = True
    follows: int = 0


def lines_of(raw: Iterable[bytes], first: int = FIRST_LINES, last: int = LAST_LINES) -> list[Line]:
    """Return the lines of a log; of a very long log the first and the last lines."""
    numbered = enumerate(raw, 1)
    kept = [*islice(numbered, first), *deque(numbered, last)]
    lines: list[Line] = []
    entry, level, has_ended, follows, below, since = 0, PLAIN, False, 0, False, 0
    told_lines = [*_told(kept)]
    warned = _of_warnings(told_lines)
    for place, (number, text, stated) in enumerate(told_lines):
        has_begun = place - 1 in warned and place not in warned
        begins = _BEGINS_TRACE.match(text)
        continues = place in warned or 0 < since < _MESSAGE_LINES or _CONTINUES.match(text)
        if stated:
            entry, level, has_ended, since = entry + 1, stated, False, 0
        elif level in {"debug", "info"} and (begins or EXCEPTION.match(text)):
            entry, level = entry + 1, PLAIN  # A traceback that was printed between the entries of a log.
        elif has_begun or (begins and has_ended) or (not begins and not continues and level != PLAIN):
            entry, level, has_ended = entry + 1, PLAIN, False
        # A traceback ends with its exception, unless the next one says that it follows from the first.
        has_ended = bool(EXCEPTION.match(text)) or (has_ended and text not in (_CAUSE, CONTEXT))
        since = 1 if EXCEPTION.match(text) else since + (since > 0)
        if lines and lines[-1].entry != entry:
            follows = 0
        follows += (text == _CAUSE) - (text in _BELOW)
        told, below = _says(text, below=below)
        lines.append(Line(number, text[:LINE_LENGTH], level, entry, told, follows))
    return lines


def _of_warnings(told: Sequence[tuple[int, str, str | None]]) -> set[int]:
    """Return the places of lines that go on with a warning of Python, whose last line is a line of source."""
    places: set[int] = set()
    for start in (place for place, (_, text, _) in enumerate(told) if _PYTHON_WARNING.match(text)):
        for place in range(start + 1, min(start + _WARNING_LINES, len(told))):
            _, text, stated = told[place]
            if stated or _BEGINS_TRACE.match(text) or EXCEPTION.match(text):
                break
            if text.startswith("  "):
                places.update(range(start + 1, place + 1))
                break
    return places


def _says(text: str, *, below: bool) -> tuple[bool, bool]:
    """Return whether a line says something, and whether the next may be source; `below`: whether this may be."""
    if _FRAME.match(text):
        return False, bool(_PYTHON_FRAME.match(text))
    is_source = below and bool(_SOURCE.match(text))
    return not is_source, is_source


def _told(kept: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str, str | None]]:
    """Yield the number, the text and the stated level of each line."""
    for number, content in kept:
        whole = content[:JSON_BYTES].decode("utf-8", errors="replace").rstrip("\r\n")
        text = _PREFIX.sub("", _ANSI.sub("", whole if whole.startswith("{") else whole[:LINE_LENGTH]))
        entry = _json_entry(text)
        if entry is not None:
            message, *continued = _texts_of(entry)
            is_output = str(entry.get("logger")).endswith(_OUTPUT_LOGGERS)
            yield number, message, _innermost(message, _level_of(entry), message, is_output=is_output)
            yield from ((number, line, None) for line in continued)
        else:
            field = _FAILURE_FIELD.match(text)
            if field:
                yield number, field[1], "error"
                continue
            stated, message = _header(text)
            yield number, message, _innermost(text, stated, message, is_output=bool(_OUTPUT.search(text)))


def _innermost(text: str, stated: str | None, message: str, *, is_output: bool) -> str | None:
    """Return the level of a line; of output that one program logs for another, the level that the other states."""
    if stated != "info":
        return stated
    if _BEGINS_TRACE.match(message):
        return PLAIN
    if _FRAME.match(message) or EXCEPTION.match(message):
        return None
    inner = _header(message)[0] if message != text or is_output else None
    if inner and inner != PLAIN:
        return inner
    return PLAIN if is_output else stated


def _header(text: str) -> tuple[str | None, str]:
    """Return the level that a line states, None where the line has no header, and the text behind the header."""
    if text[:1].isspace():
        return None, text
    timed = _TIMED.match(text)
    short = _SHORT.match(text)
    ranked = _SYSLOG.match(text)
    if ranked:
        return _SYSLOG_LEVELS[int(ranked[1])], text
    named = _LEVEL.match(text)
    if _PYTHON_WARNING.match(text):
        return "warning", text
    if short:
        return _SHORT_LEVELS[short[1]], text[timed.end() if timed else 0 :]
    if named:
        return _LEVELS[next(filter(None, named.groups())).lower()], text[named.end() :].lstrip(" -:]")
    return (PLAIN, text[timed.end() :]) if timed else (None, text)


def _json_entry(text: str) -> Mapping[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and {"event", "message", "msg", "log"} & entry.keys() else None


def _level_of(entry: Mapping[str, object]) -> str:
    stated = next((entry[name] for name in ("level", "levelname", "severity", "log_level") if name in entry), "")
    return _LEVELS.get(str(stated).lower(), PLAIN)


def _texts_of(entry: Mapping[str, object]) -> list[str]:
    """Return the message of an entry and the exceptions that it holds, as Python prints them: the first cause first."""
    message = next(str(entry[name]) for name in ("event", "message", "msg", "log") if name in entry)
    texts = message.splitlines() or [""]
    texts[0] += "".join(f" {name}={entry[name]}" for name in _ENDS if entry.get(name) not in {None, 0, ""})
    texts += [str(entry[name]) for name in ("error", "err") if isinstance(entry.get(name), str)]
    for name in ("exception", "exc_info", "stack_trace", "traceback"):
        if isinstance(entry.get(name), str):
            texts += str(entry[name]).splitlines()
    details = entry.get("error_detail") or entry.get("exception")
    texts += _trace(details if isinstance(details, list) else [])
    return texts


def _trace(details: Sequence[object]) -> list[str]:
    """Return the exceptions of a chain as Python prints them; those of a group stand before their group."""
    texts: list[str] = []
    stacks = [stack for stack in details if isinstance(stack, dict)]
    for place, stack in enumerate(reversed(stacks)):
        if place:
            texts.append(_CAUSE if stacks[len(stacks) - place].get("is_cause") else CONTEXT)
        inside = [each for each in stack.get("exceptions") or [] if isinstance(each, list)]
        for each in inside:
            texts += [*_trace(each), _CAUSE]
        texts.append("Traceback (most recent call last):")
        frames = [frame for frame in stack.get("frames") or [] if isinstance(frame, dict)]
        texts += [
            f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}' for frame in frames
        ]
        texts += f"{stack.get('exc_type')}: {stack.get('exc_value')}".splitlines()
    return texts
