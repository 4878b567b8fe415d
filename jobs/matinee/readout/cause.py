"""The line that tells of the cause: what the cause states, and what the program made of the cause."""

from collections.abc import Sequence

from matinee.readout.candidates import Candidate
from matinee.readout.log import Line
from matinee.readout.patterns import patterns
from matinee.readout.statements import names_exception, statements

#: Lines above that the message of an exception may begin at.
_ABOVE = 4


def cause_of(best: Candidate, lines: Sequence[Line]) -> str:
    """Return the cause in words: with the beginning of its message, and with the exception that followed from it."""
    place = next(place for place, line in enumerate(lines) if line is best.line)
    entry = [line for line in lines if line.entry == best.line.entry and line.told]
    says, beginning = best.says, _beginning(lines, place)
    if beginning and best.line.text.strip() in says:
        says = says.replace(best.line.text.strip(), " ".join(line.text.strip() for line in beginning))
    others = [line for line in entry if line not in beginning and line is not best.line and _says_more(line)]
    if not others:
        return says
    is_last = all(line.number < best.line.number for line in others)
    made = others[0] if is_last else others[-1]
    return f"{says}; so: {made.text.strip()}" if made.text.strip() not in says else says


def _beginning(lines: Sequence[Line], place: int) -> list[Line]:
    """Return the lines of a message from its exception to the line of the cause; empty where the line begins both."""
    if names_exception(lines[place].text):
        return []
    for start in range(place - 1, max(place - _ABOVE, 0) - 1, -1):
        line = lines[start]
        if not line.told or line.entry != lines[place].entry:
            return []
        if names_exception(line.text):
            return [*lines[start : place + 1]]
    return []


def _says_more(line: Line) -> bool:
    """Whether a line states an exception that says something of its own."""
    if not names_exception(line.text) or ": " not in statements(line.text)[-1].text:
        return False
    wrappers = [pattern.match for pattern in patterns() if pattern.weight == "wrapper"]
    return not any(match and match.search(line.text) for match in wrappers)
