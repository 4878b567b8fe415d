"""A run knows the newest valid key before its own, and where the inputs of the two differ; its transform chooses."""

from datetime import date
from types import SimpleNamespace

import pytest
from tests.support.lakes import kept
from tests.support.weeks import (
    PLAYS,
    W1,
    W2,
    WEDNESDAY,
    WEEKS,
    publish_plays,
    publish_week,
    stale,
    weekly,
    with_plays,
    withdraw_day,
)

from matinee.ledger.account import account, records_of
from matinee.ledger.ledger import history
from matinee.ledger.model import Run
from matinee.publication import predecessor
from matinee.publication.plan import Plan, plan
from matinee.publication.predecessor import Choice, Work
from matinee.publication.request import RunRequest
from matinee.publication.terms import row_terms
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

kept_lake, lake = kept(with_plays, weekly("previous: self", "history: newest", of_input="on_restated: outdated"))


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """What the transform was asked to choose by; it starts from every predecessor."""
    asked: list[Work] = []

    def choice(work: Work) -> str:
        asked.append(work)
        return ""

    register(monkeypatch, choice)
    return asked


def register(monkeypatch: pytest.MonkeyPatch, choice: Choice) -> None:
    """Have the transform choose; the keys that tests publish say that this version has made them."""
    monkeypatch.setattr("matinee.publication.plan.__version__", "test")
    monkeypatch.setattr(predecessor, "registered", lambda _: {"transform.sql": SimpleNamespace(load=lambda: choice)})


def planned(lake: Lake, key: date = W2) -> Plan:
    return plan(lake, RunRequest(WEEKS, key, key))


def slices(plan: Plan, kind: str) -> list[tuple[object, object]]:
    assert plan.start is not None
    return [(each.first, each.last) for each in getattr(plan.start.differences["week"], kind)]


def test_a_first_key_has_no_predecessor(lake: Lake) -> None:
    run = planned(lake, W1).run
    assert (run.previous, run.way, run.why) == (None, "in full", "no key before it is valid")


def test_the_newest_valid_key_before_is_pinned_and_is_no_input(lake: Lake) -> None:
    publish_week(lake, W1)
    run = planned(lake).run
    assert run.previous is not None
    assert (run.previous.day, run.previous.generation, [pin.dataset for pin in run.pins]) == (W1, 1, [PLAYS])
    assert (run.way, run.why) == ("in full", "transform.sql always derives all rows")


def test_a_withdrawn_key_is_no_predecessor_and_its_successor_stays_valid(lake: Lake) -> None:
    publish_week(lake, W1)
    publish_week(lake, W2)
    withdraw_day(lake, WEEKS, W1)
    assert Validity(lake).status(WEEKS, W2).valid
    assert stale(lake) == []
    assert planned(lake).run.previous is None


def test_a_key_is_no_predecessor_of_itself_or_of_an_earlier_key(lake: Lake) -> None:
    publish_week(lake, W2)
    assert planned(lake).run.previous is None
    assert planned(lake, W1).run.previous is None


def test_a_run_reads_what_left_its_range_and_what_came(lake: Lake, works: list[Work]) -> None:
    publish_week(lake, W2)
    plan = planned(lake, WEDNESDAY)
    assert (plan.run.way, slices(plan, "gone"), slices(plan, "came")) == (
        "incremental",
        [(date(2026, 3, 2), date(2026, 3, 4))],
        [(date(2026, 3, 9), WEDNESDAY)],
    )
    assert works == [Work(inputs=7, previous=1, gone=3, came=3)]


def test_a_restated_day_of_both_is_gone_and_has_come(lake: Lake, works: list[Work]) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [W2], generation=2, stamp="b" * 16)
    plan = planned(lake, WEDNESDAY)
    assert (slices(plan, "gone")[1:], slices(plan, "came")[1:]) == ([(W2, W2)], [(W2, W2)])
    old, new = plan.start.differences["week"].gone[1], plan.start.differences["week"].came[1]  # type: ignore[union-attr]
    assert old.snapshot_id != new.snapshot_id
    assert works == [Work(inputs=7, previous=1, gone=4, came=4)]


def test_a_day_that_was_published_again_unchanged_is_not_read_again(lake: Lake, works: list[Work]) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [W2], generation=2)
    assert slices(planned(lake, WEDNESDAY), "came")[1:] == []


def test_what_costs_more_is_derived_in_full_with_the_reason(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda work: f"{work.gone} rows went")
    publish_week(lake, W2)
    plan = planned(lake, WEDNESDAY)
    assert (plan.start, plan.run.way, plan.run.why) == (None, "in full", "3 rows went")
    assert plan.run.previous is not None


def test_another_contract_starts_from_nothing(lake: Lake, works: list[Work], monkeypatch: pytest.MonkeyPatch) -> None:
    publish_week(lake, W1)
    monkeypatch.setattr(predecessor, "other_terms", lambda *_: ("cells.buckets: 8 ▸ 16",))
    assert planned(lake).run.why == f"{W1} was made by another contract or another version of Matinee"


def test_an_experiment_starts_from_nothing(lake: Lake, works: list[Work]) -> None:
    publish_week(lake, W1)
    run = plan(lake, RunRequest(WEEKS, W2, W2, experiment="other")).run
    assert (run.way, run.why) == ("in full", "its rows are those of an experiment")


def test_what_a_run_started_from_is_read_back_from_its_commit(lake: Lake, works: list[Work]) -> None:
    publish_week(lake, W1)
    run = planned(lake).run
    assert Run.from_summary(run.to_summary()) == run
    newest = history(lake, WEEKS).newest(W1)
    assert newest is not None
    assert account(lake, records_of(lake, newest.publication_id))["previous"] is None


def test_previous_is_no_term_of_the_rows(lake: Lake) -> None:
    assert not [name for name in row_terms(lake.registry.get(WEEKS)) if "previous" in name]
