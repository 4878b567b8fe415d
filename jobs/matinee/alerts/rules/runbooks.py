"""Runbooks `sql/alerts/runbooks/*.md`: sections that rules name, each with the same five headings, and commands."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: What a section tells, in this order.
HEADINGS = ("What it means", "Impact", "First look", "Fix", "Escalate")
#: Says why a call of `matinee` is wrong, from its arguments; None where it is right.
ParseCommand = Callable[[Sequence[str]], str | None]
#: What stands in a command for what the reader fills in, and an example of it.
PLACEHOLDERS = {
    "DATASET": "any.dataset",
    "DAY": "2026-03-01",
    "FIRST": "2026-03-01",
    "LAST": "2026-03-02",
    "LANDING": "landing",
    "BACKUP": ".",
    "HOME": ".",
    "INCIDENT": "20260301-0000-abc123",
    "DAG": "plays_daily",
    "VERSION": "20260301_0123456789",
}
_PLACEHOLDER = re.compile(rf"\b({'|'.join(PLACEHOLDERS)})\b")
#: Programs whose calls are not parsed here.
_OTHERS = ("make", "systemctl", "journalctl", "airflow", "df", "du", "python", "ls", "tail", "psql")
Mistake = tuple[Path, int, str, str]


@dataclass(frozen=True)
class Section:
    """A section of a runbook: `file#title`, its line, and its commands with their lines."""

    name: str
    file: Path
    line: int
    headings: tuple[str, ...]
    commands: tuple[tuple[int, str], ...]


def sections(folder: Path, parse: ParseCommand) -> tuple[dict[str, Section], list[Mistake]]:
    """Return the sections of all runbooks by name, and what is wrong with them."""
    known: dict[str, Section] = {}
    mistakes: list[Mistake] = []
    for file in sorted(folder.glob("*.md")):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            mistakes.append((file, 1, f"cannot be read: {error}", "Write the file as UTF-8."))
            continue
        for section in _sections_of(file, text):
            if section.name in known:
                mistakes.append((file, section.line, f"the section {section.name} stands twice", "Rename one."))
            known[section.name] = section
            mistakes += _mistakes(section, parse)
    return known, mistakes


def _sections_of(file: Path, text: str) -> Iterator[Section]:
    title, line, headings, commands, is_code = "", 0, list[str](), list[tuple[int, str]](), False
    for number, content in enumerate([*text.splitlines(), "## "], 1):
        if content.startswith("```"):
            is_code = not is_code
        elif is_code and content.strip() and title:
            commands.append((number, content.strip()))
        elif content.startswith("### "):
            headings.append(content[4:].strip())
        elif content.startswith("## "):
            if title:
                yield Section(f"{file.name}#{title}", file, line, tuple(headings), tuple(commands))
            title, line, headings, commands = content[3:].strip(), number, [], []


def _mistakes(section: Section, parse: ParseCommand) -> Iterator[Mistake]:
    if section.headings != HEADINGS:
        lacking = [heading for heading in HEADINGS if heading not in section.headings]
        what = f"lacks ### {lacking[0]}" if lacking else f"has other headings than {', '.join(HEADINGS)}, in this order"
        yield section.file, section.line, f"the section {section.name} {what}", "Write the five headings."
    for line, command in section.commands:
        if wrong := _wrong(command, parse):
            yield section.file, line, f"`{command}` is no command: {wrong}", "Correct the command."


def _wrong(command: str, parse: ParseCommand) -> str | None:
    try:
        words = shlex.split(_PLACEHOLDER.sub(lambda name: PLACEHOLDERS[name[0]], command), comments=True)
    except ValueError as error:
        return str(error)
    if not words:  # A comment.
        return None
    program, *arguments = words
    if program == "matinee":
        return parse(arguments)
    return None if program in _OTHERS else f"{program} is not known here"
