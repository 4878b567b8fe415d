"""What a transform is told: durations and the instant of its inputs in microseconds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.lakes import D1, D2

from matinee.contracts.registry import Registry
from matinee.errors import ContractError, UsageError
from matinee.settings import CHECKOUT
from matinee.transforms import is_by_profile, transform_of
from matinee.transforms.context import TransformContext
from matinee.transforms.sql import sql_arguments, sql_transform

SHIPPED = Registry.load(CHECKOUT / "sql")
OUTCOMES = SHIPPED.get("core.impression_plays")
CONTEXT = TransformContext(OUTCOMES, D1, D2)


def test_a_duration_is_a_parameter_or_a_literal() -> None:
    assert [CONTEXT.micros(name) for name in ("attribution.window", "1h")] == [24 * 3600 * 10**6, 3600 * 10**6]
    with pytest.raises(UsageError, match=r"attribution\.windows"):
        CONTEXT.micros("attribution.windows")


def test_the_instant_of_the_inputs_counts_from_1970() -> None:
    as_of = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=7)
    assert [context.as_of_micros for context in (CONTEXT, replace(CONTEXT, as_of=as_of))] == [None, 7]


def test_sql_can_bind_days_the_instant_and_each_parameter() -> None:
    arguments = sql_arguments(CONTEXT)
    assert (arguments["first_day"], arguments["last_day"], arguments["as_of"]) == (D1, D2, None)
    assert arguments["attribution_window_us"] == 24 * 3600 * 10**6
    assert arguments["take_rate_max"] == 0.5


def test_a_transform_that_nothing_registers_is_refused() -> None:
    for name in ("nobody", None):
        with pytest.raises(ContractError, match=r"core\.impression_plays has no transform that can be run"):
            transform_of(replace(OUTCOMES, transform=name))


def test_sql_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ContractError, match=r"nowhere.sql cannot be read"):
        sql_transform(OUTCOMES.folder / "nowhere.sql")


def test_only_known_transforms_may_be_derived_cell_by_cell() -> None:
    known = [SHIPPED.get("core.play_attributions"), OUTCOMES]
    assert all(map(is_by_profile, known))
    assert not is_by_profile(replace(OUTCOMES, transform="transform.sql"))
