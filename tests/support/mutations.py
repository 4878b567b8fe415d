"""Lines as producers get them wrong: good ones, with fields, values, white space and bytes changed by a seed."""

import random
from collections.abc import Iterator

from matinee.contracts.model import Column, Contract
from matinee.landing.parsing.judge import landed_fields
from matinee.landing.parsing.text import NO_TEXT

_TEXTS = [
    '"a"',
    '"tv"',
    '"Am\\u00e9lie"',
    '"\\ud83c\\udfac"',
    '"x\\\\\\"y"',
    '"null"',
    '"é☂"',
    '"\\/\\b\\u0000"',
    '"{\\"a\\":1}"',
]
_ODD_TEXTS = [
    *(
        '""',
        '" "',
        '"\\t\\n"',
        '"\u2028"',
        '"\\u0085"',
        '"\\u000b\\r"',
        '"\\u001c"',
        '"\u00a0"',
        '"\\ud83d"',
        '"\\uDE00\\ud83d"',
    ),
    *(
        '"\\\\ud83d"',
        '"a\\ud83d\\ud83d\\ude00"',
        f'"{NO_TEXT}"',
        '"\\ufdd0no text\\ufdd0"',
        '"\\uFDD0"',
        '"\\x"',
        '"\\u12"',
    ),
    *('"\x01"', '"\x7f"', "'a'", '"a', 'a"', '"' + "long " * 300 + '"'),
]
_NUMBERS = ["1", "2", "17", "2147483647", "0.5", "61.25", "1e3"]
_ODD_NUMBERS = [
    *("0", "-0", "-0.0", "-0e0", "-1", "-0.1", "1.0", "1E0", "2147483648", "-2147483649", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775808", "12345678901234567890123456789012345678901234567890", "1e400"),
    *("-1e400", "1e-400", "4.9e-324", "1.7976931348623157e308", "0.1234567890123456789012345678901234567890123", "01"),
    *(
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "1_0",
        "9" * 400,
        "9" * 1000,
        "9" * 1001,
    ),
    *(
        "0." + "3" * 999,
        "0." + "3" * 1000,
        "-" + "8" * 1000,
        "1e" + "0" * 998 + "1",
        "1000000000.5",
        "72057594037927937",
    ),
    *(
        "123456789012345678",
        "1.5e308",
        "3.0000000000000000000000000000000000001",
        "0." + "0" * 40 + "1",
        "-0." + "0" * 50,
    ),
]
_INSTANTS = [
    '"2026-03-01T12:05:00Z"',
    '"2026-03-01T12:05:00.123456Z"',
    '"2026-02-28T23:59:59.9+05:30"',
    '"2024-02-29T00:00:00Z"',
]
_ODD_INSTANTS = [
    *(
        f'"2026-03-01T12:05:00{tail}"'
        for tail in (
            ".123456789Z",
            ".1Z",
            ".Z",
            ".1234567890Z",
            "+0530",
            "-18:00",
            "+18:00",
            "+18:01",
            "-1801",
            "+05:60",
            "+5:30",
            "z",
            "",
            " Z",
            "Z ",
            "Z\\n",
            "Z\\r",
            "Z\\r\\n",
            "Z\\n\\n",
            "Z\u2028",
            "Z\\u0085",
            "Z\\u000b",
            "Z\\u0000",
            "-00:00",
            "+00",
            "UTC",
            "+17:59",
        )
    ),
    *(
        f'"{head}:00:00Z"'
        for head in (
            "2026-02-29T12",
            "2023-02-29T12",
            "2000-02-29T12",
            "1900-02-29T12",
            "2100-02-29T12",
            "2026-04-31T12",
            "2026-00-01T12",
            "2026-13-01T12",
            "2026-01-00T12",
            "2026-01-32T12",
            "2026-03-01T24",
            "2026-03-01T23",
            "0000-01-01T00",
            "0000-02-29T00",
            "0001-01-01T00",
            "0002-01-01T00",
            "0001-12-31T23",
            "1582-10-10T00",
            "1969-12-31T23",
            "1999-12-31T23",
            "2000-01-01T00",
            "9998-12-31T23",
            "9999-01-01T00",
            "9999-12-31T23",
            "10000-01-01T00",
            "-0001-01-01T00",
            "2026-3-01T12",
            "2026-03-01t12",
            "2026-03-01 12",
            " 2026-03-01T12",
            "٢٠٢٦-03-01T12",
            "2026-03-02T20",
            "2026-03-02T21",
            "2026-03-01T20:10",
            "2099-01-01T00",
        )
    ),
    '"2026-03-01T12:60:00Z"',
    '"2026-03-01T12:00:60Z"',
    '"9999-12-31T23:59:59-18:00"',
    '"0000-01-01T00:00:00+18:00"',
    '"1969-12-31T23:59:59.999999999Z"',
    '"2026-03-01T20:10:00.000001Z"',
    '"2026-03-01T20:10:00Z"',
    '"2026-03-01"',
    '"now"',
]
_DAYS = ['"2026-03-01"', '"2024-02-29"']
_ODD_DAYS = [
    *(
        '"2026-02-29"',
        '"0000-02-29"',
        '"9999-12-31"',
        '"10000-01-01"',
        '"1900-02-29"',
        '"2026-03-01\\n"',
        '"2026-3-01"',
    ),
    *('"2026-03-01Z"', '" 2026-03-01"', '"2026-00-10"', '"1582-10-10"'),
]
_OTHERS = [
    "null",
    "true",
    "false",
    "nul",
    "True",
    "[]",
    "{}",
    '["a"]',
    '{"a":1}',
    '{"a":1,"a":2}',
    '[{"b":{"c":""}}]',
    "[1,]",
    "",
]
_DEEP = ["[" * depth + "]" * depth for depth in (90, 101, 997, 998, 999, 1000)]
_ODD_NAMES = ("\\ud800", "\\udc00", "über", "", "a\\u0062", "Device")
_NAMES = [f'"{name}"' for name in ("ab", "note", "file", "event_day", "landing_seq", *_ODD_NAMES)]
_SPACES = ["", "", "", " ", "\t", "\r", "  ", "\n", "\x0b", "\u00a0", "/**/"]
_PIECES = [
    *(b"\xff", b"\xed\xa0\x80", b"\xc2", b"\x00", b"\x0b", b'"', b"\\"),
    *(b",", b"}", b"{", b"]", b":", b"\xef\xbb\xbf", b"\xf0\x9f\x8e"),
]


def lines(contract: Contract, seed: int, count: int) -> Iterator[bytes]:
    """Yield lines of a contract; most have one or two oddities, some none, some many."""
    chance = random.Random(seed)  # noqa: S311 - the same lines for the same seed
    fields = landed_fields(contract)
    for _ in range(count):
        yield _line(chance, fields, chance.choice((0.0, 0.02, 0.1, 0.5)))


def _line(chance: random.Random, fields: tuple[Column, ...], odd: float) -> bytes:
    if chance.random() < odd / 20:
        return chance.choice(
            ("", " ", "\t\r", "\u2028", " \u0085", "\x1c", "null", "[1]", "1", '"a"', "\u00a0")
        ).encode()
    members = [
        (f'"{field.name}"', _value(chance, field, odd))
        for field in fields
        if (field.required and field.name != "received_ts") or chance.random() < 0.5
    ]
    while chance.random() < odd:
        members.append(_member(chance, members, odd))
    if chance.random() < odd:
        chance.shuffle(members)
    if chance.random() < odd:
        members.pop()
    space = _SPACES[: 3 if chance.random() > odd else None]
    parts = [
        f"{chance.choice(space)}{name}{chance.choice(space)}:{value}{chance.choice(space)}" for name, value in members
    ]
    return _cut(chance, ("{" + ",".join(parts) + "}").encode(errors="surrogatepass"), odd)


def _member(chance: random.Random, members: list[tuple[str, str]], odd: float) -> tuple[str, str]:
    """Return a further member: a repeated one, an unknown one, or one with an escape in its name."""
    name, value = chance.choice(members)
    kind = chance.random()
    if kind < 0.3:
        return name, chance.choice((value, "null", '""', "1"))
    if kind < 0.4:
        return name.replace("i", "\\u0069"), value
    return chance.choice(_NAMES), chance.choice(
        (*_OTHERS[:3], *_OTHERS[5:11], *_TEXTS, *_ODD_TEXTS, *_ODD_NUMBERS, *_DEEP)
    )


def _value(chance: random.Random, field: Column, odd: float) -> str:
    if field.items and chance.random() > odd / 2:
        items = [_value(chance, field.items, odd) for _ in range(chance.choice((0, 1, 1, 2, 9)))]
        if chance.random() < (odd if field.items.required else 0.2):
            items.insert(0, "null")
        return f"[{chance.choice(_SPACES[:6])}{','.join(items)}]"
    if field.fields and chance.random() > odd / 2:
        members = [
            (f'"{inner.name}"', _value(chance, inner, odd))
            for inner in field.fields
            if chance.random() > (odd if inner.required else 0.3)
        ]
        if chance.random() < odd:
            members.append((chance.choice([*_NAMES, *(name for name, _ in members)]), "1"))
        return "{" + ",".join(f"{name}:{value}" for name, value in members) + "}"
    usual, others = {
        "string": (_TEXTS, _ODD_TEXTS),
        "timestamptz": (_INSTANTS, _ODD_INSTANTS),
        "date": (_DAYS, [*_ODD_DAYS, *_ODD_INSTANTS]),
        "double": (_NUMBERS, _ODD_NUMBERS),
        "boolean": (["true", "false"], _NUMBERS),
    }.get(field.type, (_NUMBERS[:4], _ODD_NUMBERS))
    if chance.random() > odd:
        return chance.choice(usual)
    return chance.choice(others if chance.random() < 0.7 else [*_OTHERS, *_TEXTS, *_NUMBERS, *_INSTANTS])


def _cut(chance: random.Random, line: bytes, odd: float) -> bytes:
    if chance.random() > odd:
        return line
    at = chance.randrange(len(line))
    kind = chance.random()
    if kind < 0.3:
        return line[:at] + line[at + chance.randrange(1, 4) :]
    if kind < 0.4:
        return line[:at]
    if kind < 0.5:
        return line + chance.choice((b" ", b"\r", b",", b"x", b"}", line, b"\x00", b"\x0c", b"," + line))
    if kind < 0.6:
        end = chance.randrange(at, len(line))
        return line[:at] + line[at:end] * 2 + line[end:]
    return line[:at] + chance.choice(_PIECES) + line[at:]
