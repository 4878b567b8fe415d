"""Days, durations and parameters of a contract."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from matinee.contracts.loader import load
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.errors import UsageError
from matinee.settings import CHECKOUT

MARCH_1, MARCH_2 = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(CHECKOUT / "sql")


@pytest.fixture
def attributions(registry: Registry) -> Contract:
    return registry.get("core.play_attributions")


@pytest.fixture
def impression_plays(registry: Registry) -> Contract:
    return registry.get("core.impression_plays")


@pytest.mark.parametrize(
    ("window", "first"),
    [
        ("0s", MARCH_1),
        ("250ms", date(2026, 2, 28)),
        ("24h", date(2026, 2, 28)),
        ("1441m", date(2026, 2, 27)),
        ("40d", date(2026, 1, 20)),
    ],
)
def test_a_lookback_reads_every_earlier_day_that_the_window_touches(
    attributions: Contract, window: str, first: date
) -> None:
    contract = attributions.with_parameters({"attribution.window": window})

    assert contract.input_days(contract.inputs[1], MARCH_1, MARCH_2) == (first, MARCH_2)


@pytest.mark.parametrize(
    ("window", "last"),
    [("0s", MARCH_2), ("250ms", date(2026, 3, 3)), ("24h", date(2026, 3, 3)), ("40d", date(2026, 4, 11))],
)
def test_a_lookahead_reads_every_later_day_that_the_window_touches(
    impression_plays: Contract, window: str, last: date
) -> None:
    contract = impression_plays.with_parameters({"attribution.window": window})

    assert contract.input_days(contract.inputs[1], MARCH_1, MARCH_2) == (MARCH_1, last)


def test_an_input_without_reach_reads_the_days_themselves(attributions: Contract) -> None:
    assert attributions.input_days(attributions.inputs[0], MARCH_1, MARCH_2) == (MARCH_1, MARCH_2)


@pytest.mark.parametrize(
    ("window", "first"),
    [("0s", MARCH_1), ("24h", date(2026, 2, 28)), ("25h", date(2026, 2, 27)), ("40d", date(2026, 1, 20))],
)
def test_a_run_publishes_the_days_before_its_key_that_the_window_reaches(
    impression_plays: Contract, window: str, first: date
) -> None:
    contract = impression_plays.with_parameters({"attribution.window": window})

    assert contract.touched_days(MARCH_1, MARCH_2) == (first, MARCH_2)


def test_a_dataset_that_touches_nothing_else_publishes_its_keys(attributions: Contract) -> None:
    assert attributions.touched_days(MARCH_1, MARCH_2) == (MARCH_1, MARCH_2)


def test_every_duration_and_input_of_the_shipped_contracts_resolves(registry: Registry) -> None:
    for contract in registry.all():
        assert contract.touched_days(MARCH_1, MARCH_2)[1] == MARCH_2
        for spec in contract.inputs:
            first, last = contract.input_days(spec, MARCH_1, MARCH_2)
            assert first <= MARCH_1 <= MARCH_2 <= last
            assert registry.get(spec.dataset).day_column is not None


def test_both_ends_of_the_attribution_have_the_same_window(attributions: Contract, impression_plays: Contract) -> None:
    assert attributions.duration("attribution.window") == timedelta(hours=24)
    assert impression_plays.duration("attribution.window") == timedelta(hours=24)


def test_a_number_is_read_as_a_number(impression_plays: Contract) -> None:
    assert impression_plays.with_parameters({"take_rate.max": "0.25"}).number("take_rate.max") == 0.25


def test_a_duration_is_not_read_as_a_number(impression_plays: Contract) -> None:
    with pytest.raises(UsageError, match="not a number"):
        impression_plays.number("attribution.window")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attribution.windw", "24h"),
        ("attribution.window", "24"),
        ("attribution.window", "a day"),
        ("attribution.window", ""),
        ("take_rate.min", "1h"),
        ("take_rate.min", "nan"),
    ],
)
def test_an_unknown_parameter_or_a_value_of_another_kind_is_refused(
    impression_plays: Contract, name: str, value: str
) -> None:
    with pytest.raises(UsageError):
        impression_plays.with_parameters({name: value})


def test_an_override_leaves_the_contract_as_it_is(attributions: Contract) -> None:
    attributions.with_parameters({"attribution.window": "40d"})

    assert attributions.parameters["attribution.window"] == "24h"


def test_a_contract_says_for_how_long_its_days_are_kept(write_contract: Callable[..., Path]) -> None:
    kept = load(write_contract(("customProperties:", "customProperties:\n  - property: keep\n    value: 400d")))
    assert (kept.keep, kept.as_live().keep) == (timedelta(days=400), None)
