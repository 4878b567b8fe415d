"""Generations: the generation of a day rises only where the day is made from other input than before."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from tests.support.lakes import D1, D2, PLANNED

from matinee.contracts.registry import Registry
from matinee.ledger.model import InputPin, Publication, Run, State
from matinee.publication.generations import generation
from matinee.report import Rows
from matinee.settings import CHECKOUT

D0 = D1 - timedelta(days=1)
LABELS = Registry.load(CHECKOUT / "sql").get("core.impression_plays")
IMPRESSIONS, ATTRIBUTIONS = "core.impressions", "core.play_attributions"


def run(attributions: dict[date, int], name: str = "now", impressions: int = 1, version: str = "1.0.0") -> Run:
    pins = (
        InputPin(IMPRESSIONS, 1, 1, None, {D1: impressions}),
        InputPin(ATTRIBUTIONS, 1, 1, None, attributions),
    )
    return Run(name, LABELS.dataset, str(D1), D1, D1, 1, pins, version, "test", PLANNED)


#: The day as it is published: of 9 rows, with both days of attributions that it reads.
BEFORE = Publication(
    run({D1: 1, D2: 1}, "before"), D1, State.PUBLISHED, 4, PLANNED, rows=Rows.model_validate({"in": 9, "out": 9})
)


def next_generation(
    now: Run, read: int = 9, before: Publication | None = BEFORE, rewritten: tuple[int, ...] | None = None
) -> int:
    published = SimpleNamespace(newest=lambda _: before)
    return generation(LABELS, published, now, D1, read=read, rewritten=rewritten)  # type: ignore[arg-type]


def test_a_day_that_was_never_published_has_the_first() -> None:
    assert next_generation(run({D1: 7}), before=None) == 1


def test_the_same_input_keeps_it() -> None:
    assert next_generation(run({D1: 1, D2: 1})) == 4


@pytest.mark.parametrize(
    "now",
    [
        run({D1: 2, D2: 1}),
        run({D1: 1, D2: 2}),
        run({D1: 1}),
        run({D1: 1, D2: 1}, impressions=2),
        run({D1: 1, D2: 1}, version="1.1.0"),
    ],
    ids=["restated", "a later day restated", "a day is gone", "another input restated", "another contract"],
)
def test_changed_input_raises_it(now: Run) -> None:
    assert next_generation(now) == 5


@pytest.mark.parametrize("read", [8, 10])
def test_another_number_of_rows_read_raises_it(read: int) -> None:
    assert next_generation(run({D1: 1, D2: 1}), read=read) == 5


def test_a_day_that_was_not_there_before_keeps_it() -> None:
    fewer = replace(BEFORE, run=run({D1: 1}, "before"))
    assert next_generation(run({D1: 1, D2: 1}), before=fewer) == 4


def test_a_day_that_this_one_does_not_read_keeps_it() -> None:
    with_other = replace(BEFORE, run=run({D0: 1, D1: 1, D2: 1}, "before"))
    assert next_generation(run({D0: 2, D1: 1, D2: 1}), before=with_other) == 4


def test_a_heal_keeps_it_only_where_it_changes_no_row() -> None:
    assert next_generation(run({D1: 2, D2: 1}), rewritten=()) == 4
    assert next_generation(run({D1: 2, D2: 1}), rewritten=(3,)) == 5


def test_the_same_publication_judged_again_keeps_it() -> None:
    assert next_generation(run({D1: 2, D2: 1}, "before"), read=8) == 4


def test_other_terms_of_its_contract_raise_it() -> None:
    before = replace(BEFORE, run=replace(BEFORE.run, terms={"attribution.window": "24h"}))
    now = run({D1: 1, D2: 1})
    assert next_generation(replace(now, terms={"attribution.window": "24h"}), before=before) == 4
    assert next_generation(replace(now, terms={"attribution.window": "1h"}), before=before) == 5
