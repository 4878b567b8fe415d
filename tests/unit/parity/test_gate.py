"""The gate: differing days are told together, a day that cannot be compared yet keeps no other day from it."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, make_lake

from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.parity import gate
from matinee.parity.gate import judge
from matinee.parity.register import Parity
from matinee.settings import Settings

ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"
AGREES = Parity(OUTCOMES, D1, "p", 1, 9, 0, 0, {}, {})
#: What comparing a day of a dataset yields.
Results = dict[tuple[str, date], Parity | InputsNotValidError]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_lake(tmp_path).settings


@pytest.fixture
def comparing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Results], None]:
    """Return a function that sets the mature days of the lake, and what comparing each of them yields."""

    def arrange(results: Results) -> None:
        def compare(_: object, __: object, dataset: str, day: date) -> Parity:
            result = results[dataset, day]
            if isinstance(result, InputsNotValidError):
                raise result
            return result

        monkeypatch.setattr(gate, "spark_session", lambda _: nullcontext())
        monkeypatch.setattr(gate, "days_to_compare", lambda _: list(results))
        monkeypatch.setattr(gate, "compare", compare)

    return arrange


def early(words: str = "the live table is behind.") -> InputsNotValidError:
    return InputsNotValidError(words, next_step="Wait.", facts={})


def differs(day: date, **causes: int) -> Parity:
    return replace(AGREES, day=day, differing=sum(causes.values()), causes=causes)


def test_without_mature_days_no_engine_is_started(settings: Settings) -> None:
    assert judge(settings) == []


def test_days_that_agree_are_returned(settings: Settings, comparing: Callable[[Results], None]) -> None:
    other = replace(AGREES, day=D2)
    comparing({(OUTCOMES, D1): AGREES, (OUTCOMES, D2): other})
    assert judge(settings) == [AGREES, other]


def test_a_day_that_differs_does_not_keep_the_others_from_it(
    settings: Settings, comparing: Callable[[Results], None]
) -> None:
    comparing({(OUTCOMES, D1): differs(D1, late=1, code=2), (OUTCOMES, D2): differs(D2, late=4)})
    with pytest.raises(StreamDiffersError) as raised:
        judge(settings)
    words = "2026-03-01: 3 of 9 rows differ (2 code, 1 late); core.impression_plays 2026-03-02: 4 of 9 rows differ"
    assert words in raised.value.message
    assert raised.value.next_step.startswith("`matinee stream repair --key 2026-03-01`")
    assert raised.value.facts[f"{OUTCOMES} {D2}"] == {"late": 4}


def test_a_day_that_cannot_be_compared_yet_keeps_no_other_day_back(
    settings: Settings, comparing: Callable[[Results], None]
) -> None:
    comparing({(OUTCOMES, D1): early(), (OUTCOMES, D2): AGREES})
    assert judge(settings) == [AGREES]


def test_days_of_which_none_can_be_compared_are_no_error_unless_named(
    settings: Settings, comparing: Callable[[Results], None]
) -> None:
    comparing({(ATTRIBUTIONS, D1): early(), (OUTCOMES, D1): AGREES})
    assert judge(settings) == [AGREES]
    with pytest.raises(InputsNotValidError, match="the live table is behind"):
        judge(settings, D1)


def test_a_named_day_is_compared_in_each_dataset(settings: Settings, comparing: Callable[[Results], None]) -> None:
    attributions = replace(AGREES, dataset=ATTRIBUTIONS)
    comparing({(OUTCOMES, D1): AGREES, (ATTRIBUTIONS, D1): attributions, (OUTCOMES, D2): differs(D2, late=1)})
    assert judge(settings, D1) == [attributions, AGREES]
