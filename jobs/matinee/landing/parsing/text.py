"""What a producer sent as text: one JSON object a row, read strictly in plain Python, and what is no text at all.

Strict is what RFC 8259 allows and no more: one object, nothing but white space around it, no name twice in an object at
any depth, UTF-8. Lengths and depths that no producer needs are refused, too.
"""

import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterable
from threading import Lock
from typing import Any, NoReturn, TypeAlias

#: The mark of what is no text: noncharacters, which no producer sends, around words.
NO_TEXT = "\ufdd0no text\ufdd0"
#: The longest line (bytes), text and name (characters), the most digits of a number, the deepest object or array.
MAX_LINE, MAX_TEXT, MAX_NAME, MAX_DIGITS, MAX_DEPTH = 1 << 27, 20_000_000, 50_000, 1000, 999
_HALF = re.compile("[\ud800-\udfff]")
# Java's `^\s*$`: one end of line may follow, also one of Unicode's.
_BLANK = re.compile("[ \t\n\x0b\f\r]*[\x85\u2028\u2029]?\\Z")
_NO_DIGITS = re.compile(r"[^0-9]")
_DEEPER = Lock()


class Number(str):
    """A JSON number as it was written: the notation decides which types it can have."""

    __slots__ = ()


Json: TypeAlias = bool | str | Number | list[Any] | dict[str, Any] | None


def read_object(text: str) -> dict[str, Json] | None:
    """Return the JSON object that a text is, numbers as `Number`; None: it is no object, not one value, or no JSON.

    Names and texts have NO_TEXT for each half of a surrogate pair.
    """
    has_halves = "\\ud" in text or "\\uD" in text
    decoder = _MARKING if has_halves else _PLAIN
    try:
        value = decoder.decode(text)
    except RecursionError:
        value = _read_deep(decoder, text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and _is_within_limits(text, value) else None


def is_blank(text: str) -> bool:
    """Whether a text is white space and nothing else."""
    # Most texts are not blank, and `isspace` is faster; it takes more characters for white space than Java does.
    return not text or (text.isspace() and _BLANK.match(text) is not None)


def text_of(value: bytes) -> str:
    """Return bytes as the text that they are in UTF-8, else as NO_TEXT and Base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NO_TEXT + b64encode(value).decode()


def has_half(text: str) -> bool:
    """Whether a text holds half a surrogate pair, or the mark of one."""
    return not text.isascii() and (NO_TEXT in text or _HALF.search(text) is not None)


def _read_deep(decoder: json.JSONDecoder, text: str) -> Json:
    # The decoder calls itself for each level: how deep a line may be must not depend on the caller's depth.
    with _DEEPER:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(before + 2 * MAX_DEPTH)
        try:
            value: Json = decoder.decode(text)
        except (RecursionError, ValueError):
            return None
        finally:
            sys.setrecursionlimit(before)
    return value


def _is_within_limits(text: str, value: Json) -> bool:
    if len(text) <= MAX_NAME and text.count("[") + text.count("{") <= MAX_DEPTH:
        return True
    depth, level = 0, [value]
    while level:
        texts = [node for node in level if isinstance(node, str)]
        names = [name for node in level if isinstance(node, dict) for name in node]
        if max(map(len, texts), default=0) > MAX_TEXT or max(map(len, names), default=0) > MAX_NAME:
            return False
        depth += any(isinstance(node, dict | list) for node in level)
        level = [inner for node in level for inner in _inner(node)]
    return depth <= MAX_DEPTH


def _inner(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _number(text: str) -> Number:
    if len(text) > MAX_DIGITS and len(_NO_DIGITS.sub("", text)) > MAX_DIGITS:
        raise ValueError(text)
    return Number(text)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(pairs)
    return members


def _marked(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    # Names that differ only in halves are one name to the engine, so they are one name here, too.
    return _object([(_HALF.sub(NO_TEXT, name), value) for name, value in pairs])


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


_PLAIN, _MARKING = (
    json.JSONDecoder(object_pairs_hook=hook, parse_float=_number, parse_int=_number, parse_constant=_no_number)
    for hook in (_object, _marked)
)
