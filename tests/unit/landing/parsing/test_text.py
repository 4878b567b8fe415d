"""What is text, and what is one JSON object: as Python's own reader says, except what RFC 8259 forbids."""

import json
import re

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from matinee.landing.parsing.text import NO_TEXT, read_object, text_of

#: Escapes, parts of escapes, and texts that look like them.
PIECES = st.sampled_from(
    ["\\\\", '\\"', "\\n", "\\ud83d", "\\uDE00", "\\uDBFF", "\\udc00", "\\u0041", "u", "d83d", "x", "é", "\U0001f3ac"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(bodies=st.lists(TEXTS, min_size=20, max_size=20))
@hypothesis_settings(max_examples=30, deadline=None, database=None)
def test_only_half_a_surrogate_pair_in_a_name_is_replaced_by_a_mark(bodies: list[str]) -> None:
    for body in bodies:
        text = json.loads(f'"{body}"')
        assert read_object(f'{{"{body}":["{body}"]}}') == {re.sub("[\ud800-\udfff]", NO_TEXT, text): [text]}


def test_how_deep_a_line_may_be_does_not_depend_on_who_asks() -> None:
    text = '{"a":' * 999 + "1" + "}" * 999

    def asked(from_depth: int) -> bool:
        return asked(from_depth - 1) if from_depth else read_object(text) is not None

    assert [asked(depth) for depth in (0, 10, 500)] == [True] * 3
    assert read_object('{"a":' * 1000 + "1" + "}" * 1000) is None


def test_texts_and_names_end_somewhere() -> None:
    assert read_object('{"a":"' + "x" * 20_000_000 + '"}') is not None
    assert read_object('{"a":["' + "x" * 20_000_001 + '"]}') is None
    assert read_object('{"b":{"' + "x" * 50_000 + '":1}}') is not None
    assert read_object('{"b":{"' + "x" * 50_001 + '":1}}') is None


def test_bytes_are_the_text_that_they_are_in_utf8_else_none() -> None:
    assert (text_of("pé".encode()), text_of(b"p\xff1")) == ("pé", f"{NO_TEXT}cP8x")
