"""Declarations of days: which of several holds, with which day a lake begins, and how they are numbered."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.support.lakes import D1, D2, D3, PLANNED, close_days, land, make_lake, raw_play

from matinee.errors import CommitConflictError
from matinee.table import refs, registers
from matinee.table.catalog import Lake
from matinee.validity.manifests import BEGIN, MANIFESTS, Declared, Manifest, changes, declare, declared
from matinee.validity.validity import Validity

RAW, OTHER = "raw.plays", "raw.impressions"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def manifest(day: date, rows: int = 1, *, closed: bool = True, dataset: str = RAW) -> Manifest:
    return Manifest(dataset, day, rows, closed, None, PLANNED)


def said(*manifests: Manifest) -> Declared:
    """Return what holds of declarations that were made in this order."""
    rows = [vars(replace(declaration, landing_seq=number)) for number, declaration in enumerate(manifests)]
    form = pa.schema([("expected_distinct", pa.int64()), ("file", pa.string())])
    table = pa.Table.from_pylist(rows)
    for field in form:
        place = table.schema.get_field_index(field.name)
        table = table.set_column(place, field, table[field.name].cast(field.type))
    return Declared(table)


def test_an_open_day_does_not_begin_the_lake() -> None:
    assert said(manifest(D1, closed=False), manifest(D2)).first_day == D2


def test_without_a_closed_day_a_lake_has_not_begun() -> None:
    assert said(manifest(D1, closed=False)).first_day is None
    assert Declared().first_day is None


def test_the_earliest_closed_day_of_any_dataset_begins_the_lake() -> None:
    assert said(manifest(D3), manifest(D1, dataset=OTHER), manifest(D2)).first_day == D1


def test_the_first_day_that_a_person_named_last_holds() -> None:
    named = [manifest(D3, dataset=BEGIN), manifest(D2, dataset=BEGIN)]
    assert said(manifest(D1), *named).first_day == D2


def test_a_lake_is_valid_from_its_first_closed_day(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1), raw_play(D2)], close=False)
    declare(lake, [manifest(D1, closed=False)])
    close_days(lake, RAW, {D2: 1})
    assert Validity(lake).valid_from == D2


def test_of_several_declarations_of_a_day_the_last_one_holds() -> None:
    declarations = said(manifest(D1, 1), manifest(D1, 2), manifest(D2, 3), manifest(D1, dataset=BEGIN))
    assert {key: declaration.expected_rows for key, declaration in declarations.items()} == {(RAW, D1): 2, (RAW, D2): 3}


def test_a_day_is_asked_for_by_dataset_and_day() -> None:
    known = said(manifest(D1, 1), manifest(D2, 2, dataset=OTHER))
    assert ((RAW, D1) in known, (RAW, D2) in known, (OTHER, D2) in known, ("raw.x", D1) in known) == (True, False) * 2
    assert (set(known), len(known)) == ({(RAW, D1), (OTHER, D2)}, 2)


def test_rows_of_days_tell_open_days_and_other_counts_apart() -> None:
    distinct = replace(manifest(D3), expected_distinct=1)
    declarations = said(manifest(D1, 7), manifest(D2, 8, closed=False), distinct)
    days = np.array([D3, D1, D2, date(2026, 1, 1), date(2027, 1, 1)], "datetime64[D]")
    assert declarations.rows_of(RAW, days).tolist()[:3] == [math.inf, 7, -math.inf]
    assert np.isnan([*declarations.rows_of(RAW, days[3:]), *declarations.rows_of(OTHER, days)]).all()
    assert (declarations.closed_days(RAW), declarations.closed_days(OTHER)) == ({D1, D3}, set())


def test_a_day_that_is_closed_with_no_rows_is_closed() -> None:
    assert said(manifest(D1, 0), manifest(D2, 0, closed=False)).closed_days(RAW) == {D1}


def test_what_a_file_has_declared_is_told_whether_it_holds_or_not() -> None:
    first, second = replace(manifest(D1, 1), file="a"), replace(manifest(D1, 2), file="b")
    known = said(first, second, manifest(D2))
    assert [declaration.expected_rows for declaration in known.of_file("a", above=-1)] == [1]
    assert known.of_file("b", above=1) == known.of_file("c", above=-1) == Declared().of_file("a", above=-1) == []


def test_a_declaration_has_a_number_above_those_before_it(lake: Lake) -> None:
    numbers = [
        declare(lake, [manifest(D1, rows)], above=above)[0].landing_seq for rows, above in ((9, 0), (8, 5), (7, 0))
    ]
    assert numbers == [1, 6, 7]
    assert declared(lake)[RAW, D1].expected_rows == 7


def test_to_declare_nothing_makes_no_table(lake: Lake) -> None:
    assert declare(lake, []) == ()
    assert not lake.exists(MANIFESTS)
    assert (len(declared(lake)), declared(lake).landing_seq) == (0, 0)


@pytest.mark.parametrize(
    "word",
    [{"expected_rows": 2}, {"expected_distinct": 1}, {"closed": False}, {"file": "f"}],
    ids=lambda word: next(iter(word)),
)
def test_only_what_says_something_else_than_what_holds_is_a_change(lake: Lake, word: dict[str, object]) -> None:
    declare(lake, [manifest(D1)])
    assert changes(lake, [manifest(D1)]) == []
    other = replace(manifest(D1), **word)  # type: ignore[arg-type]
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

    monkeypatch.setattr(registers, "append_rows", lose)
    with pytest.raises(CommitConflictError, match=f"Others declared days first, {refs.COMMIT_TRIES} times"):
        declare(lake, [manifest(D1)])
    assert len(tries) == refs.COMMIT_TRIES
