"""Secrets in texts are hidden whole, and in little time."""

import re

import pytest

from matinee.readout.masking import masked


@pytest.mark.parametrize("text", ["password=a;b", "password=a)b}c", "--token a;b", "secret: x]y"])
def test_a_password_is_hidden_to_its_end(text: str) -> None:
    assert masked(text) == re.sub(r"([= ]+)\S+$", r"\1***", text)


def test_a_long_text_of_names_is_masked_in_little_time() -> None:
    assert masked("token." * 20_000).startswith("token.")
