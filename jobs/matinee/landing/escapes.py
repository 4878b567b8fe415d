"""JSON escapes of half a surrogate pair, marked by the engine's functions: the engine would read each as `?`."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from matinee.landing.parsing.text import NO_TEXT

_PAIR = "\ufdd1"
_HIGH, _LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
#: A backslash after an even number of backslashes begins an escape; those before it are escaped backslashes.
_ESCAPE = r"((?<!\\)(?:\\\\)*+)\\u"


def marked(json: str) -> Column:
    """Return a column of JSON with NO_TEXT for each escape of half a surrogate pair; whole pairs stay as they are."""
    column = F.col(json)
    kept = F.regexp_replace(column, rf"{_ESCAPE}({_HIGH})\\u({_LOW})", f"$1{_PAIR}$2$3")
    without_halves = F.regexp_replace(kept, rf"{_ESCAPE}(?:{_HIGH}|{_LOW})", f"$1{NO_TEXT}")
    restored = F.regexp_replace(without_halves, rf"{_PAIR}({_HIGH})({_LOW})", r"\\u$1\\u$2")
    # Few lines have such escapes, and a search for a few bytes costs next to nothing.
    has_escapes = F.contains(column, F.lit("\\ud")) | F.contains(column, F.lit("\\uD"))
    return F.when(has_escapes, restored).otherwise(column)
