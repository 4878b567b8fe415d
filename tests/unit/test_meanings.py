"""The tables of foreign errors: each name is that of a class, and no code is a fault of Matinee."""

from importlib import import_module

import pytest

from matinee.errors import InternalError
from matinee.meanings import CODES, DRIVERS, LIBRARIES, UNKNOWN


@pytest.mark.parametrize("name", [*DRIVERS, *LIBRARIES])
def test_each_class_of_the_tables_exists_under_its_name(name: str) -> None:
    module, _, kind = name.rpartition(".")
    named = getattr(import_module(module), kind)
    assert issubclass(named, BaseException)
    assert f"{named.__module__}.{named.__qualname__}" == name


def test_no_code_says_that_matinee_is_at_fault() -> None:
    assert all(meaning.kind is not InternalError for meaning in CODES.values())
    assert UNKNOWN.kind is InternalError
