"""The line that tells of the cause: what the cause states, and what the program made of the cause."""

from collections.abc import Sequence

from matinee.readout.candidates import Candidate
from matinee.readout.log import Line
from matinee.readout.patterns import patterns
from matinee.readout.statements import names_exception, statements


def cause_of(best: Candidate, lines: Sequence[Line]) -> str:
    """Return the cause in words: with the exception that followed from it."""
    entry = [line for line in lines if line.entry == best.line.entry and line.told]
    others = [said for line in entry if line is not best.line and (said := _own_words(line))]
    if not others:
        return best.says
    before = [said for line in entry if line.number < best.line.number and (said := _own_words(line))]
    made = others[0] if len(before) == len(others) else others[-1]
    return f"{best.says}; so: {made}" if made not in best.says else best.says


def _own_words(line: Line) -> str:
    """Return what the innermost exception of a line says of its own; empty where a line says nothing."""
    innermost = statements(line.text)[-1]
    if not names_exception(line.text) or ": " not in innermost.text:
        return ""
    wrappers = [pattern.match for pattern in patterns() if pattern.weight == "wrapper"]
    return "" if any(match and match.search(innermost.text) for match in wrappers) else innermost.told.strip()
