"""Declarations of days: which of several holds, with which day a lake begins, and how they are numbered."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.lakes import D1, D2, D3, PLANNED, close_days, land, make_lake, raw_play

from matinee.errors import CommitConflictError
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity import manifests as module
from matinee.validity.manifests import BEGIN, Manifest, changes, declarations, declare, declared, first_day, newest_of
from matinee.validity.validity import Validity

RAW, OTHER = "raw.plays", "raw.impressions"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def manifest(day: date, rows: int = 1, *, closed: bool = True, dataset: str = RAW) -> Manifest:
    return Manifest(dataset, day, rows, closed, None, PLANNED)


def test_an_open_day_does_not_begin_the_lake() -> None:
    assert first_day([manifest(D1, closed=False), manifest(D2)]) == D2


def test_without_a_closed_day_a_lake_has_not_begun() -> None:
    assert first_day([manifest(D1, closed=False)]) is None


def test_the_earliest_closed_day_of_any_dataset_begins_the_lake() -> None:
    assert first_day([manifest(D3), manifest(D1, dataset=OTHER), manifest(D2)]) == D1


def test_the_first_day_that_a_person_named_last_holds() -> None:
    named = [manifest(D3, dataset=BEGIN), manifest(D2, dataset=BEGIN)]
    assert first_day([manifest(D1), *named]) == D2


def test_a_lake_is_valid_from_its_first_closed_day(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1), raw_play(D2)], close=False)
    declare(lake, [manifest(D1, closed=False)])
    close_days(lake, RAW, {D2: 1})
    assert Validity(lake).valid_from == D2


def test_of_several_declarations_of_a_day_the_last_one_holds() -> None:
    found = newest_of([manifest(D1, 1), manifest(D1, 2), manifest(D2, 3), manifest(D1, dataset=BEGIN)])
    assert {key: one.expected_rows for key, one in found.items()} == {(RAW, D1): 2, (RAW, D2): 3}


def test_a_declaration_has_a_number_above_those_before_it(lake: Lake) -> None:
    numbers = [
        declare(lake, [manifest(D1, rows)], above=above)[0].landing_seq for rows, above in ((9, 0), (8, 5), (7, 0))
    ]
    assert numbers == [1, 6, 7]
    assert declared(lake)[RAW, D1].expected_rows == 7


def test_to_declare_nothing_makes_no_table(lake: Lake) -> None:
    assert declare(lake, []) == ()
    assert not lake.exists(module.MANIFESTS)
    assert declarations(lake) == []


@pytest.mark.parametrize(
    "said",
    [{"expected_rows": 2}, {"expected_distinct": 1}, {"closed": False}, {"file": "f"}],
    ids=lambda said: next(iter(said)),
)
def test_only_what_says_something_else_than_what_holds_is_a_change(lake: Lake, said: dict[str, object]) -> None:
    declare(lake, [manifest(D1)])
    assert changes(lake, [manifest(D1)]) == []
    other = replace(manifest(D1), **said)  # type: ignore[arg-type]
    assert changes(lake, [other]) == [other]


def test_of_two_wanted_declarations_for_one_day_the_later_is_compared(lake: Lake) -> None:
    declare(lake, [manifest(D1, 1)])
    assert changes(lake, [manifest(D1, 2), manifest(D1, 1)]) == []
    assert changes(lake, [manifest(D2, 1), manifest(D2, 2)]) == [manifest(D2, 2)]


def test_others_that_declare_first_each_time_end_a_declaration(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[bool] = []

    def lose(*_: object, **__: object) -> None:
        tries.append(True)
        raise CommitConflictError("Others were first.", next_step="Again.")

    monkeypatch.setattr(module, "append_rows", lose)
    with pytest.raises(CommitConflictError, match=f"Others declared days first, {refs.COMMIT_TRIES} times"):
        declare(lake, [manifest(D1)])
    assert len(tries) == refs.COMMIT_TRIES
