"""Counting: rows in are rows out and duplicates; a day that lost or invented rows is not published."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, arrow, at, core_play, land, make_lake, pin, prepare, raw_play

from matinee.contracts.registry import Registry
from matinee.errors import ConservationError
from matinee.ledger.model import Run
from matinee.publication.counting import rows_by_day, total
from matinee.report import Rows
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def counted(lake: Lake, run: Run) -> dict[str, tuple[int, int, int]]:
    """What a run read, wrote and dropped as duplicates, by day."""
    by_day = rows_by_day(lake, run, refs.head(lake.table(run.dataset), run.branch))
    return {str(day): (rows.read, rows.out, rows.duplicate) for day, rows in by_day.items()}


def plays(lake: Lake, read: int, written: int) -> Run:
    """A run of a day of plays: from a landed input."""
    land(lake, RAW, [raw_play(D1, f"p{number}") for number in range(read)])
    rows = [core_play(D1, f"p{number}") for number in range(written)]
    return prepare(lake, PLAYS, D1, rows, pins=(pin(lake, RAW, {D1: 1}),))


def attributions(lake: Lake, read: int, written: int) -> Run:
    """A run of a day of attributions: from a published input."""
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1, f"p{number}") for number in range(read)]))
    row = {"profile_id": "a", "title_id": "t", "start_ts": at(D1), "play_day": D1, "profile_bucket": 0}
    rows: list[dict[str, object]] = [{"play_id": f"p{number}"} | row for number in range(written)]
    return prepare(lake, ATTRIBUTIONS, D1, rows, pins=(pin(lake, PLAYS, {D1: 1}),))


def test_rows_that_a_landed_input_has_more_are_duplicates(lake: Lake) -> None:
    assert counted(lake, plays(lake, read=3, written=2)) == {"2026-03-01": (3, 2, 1)}


def test_a_day_with_more_rows_than_its_landed_input_is_refused(lake: Lake) -> None:
    run = plays(lake, read=2, written=3)
    with pytest.raises(ConservationError, match=r"core\.plays 2026-03-01 has 3 rows of the 2 it read") as refused:
        counted(lake, run)
    assert (refused.value.facts["rows_in"], refused.value.facts["rows_out"]) == (2, 3)


def test_a_day_with_as_many_rows_as_its_published_input_is_counted(lake: Lake) -> None:
    assert counted(lake, attributions(lake, read=2, written=2)) == {"2026-03-01": (2, 2, 0)}


@pytest.mark.parametrize("written", [1, 3])
def test_a_day_with_other_rows_than_its_published_input_is_refused(lake: Lake, written: int) -> None:
    run = attributions(lake, read=2, written=written)
    with pytest.raises(ConservationError, match=rf"has {written} rows of the 2 it read from core\.plays"):
        counted(lake, run)


@pytest.mark.parametrize("written", [1, 3])
def test_an_aggregate_may_have_another_number_of_rows_than_its_input(lake: Lake, written: int) -> None:
    run, known = attributions(lake, read=2, written=written), lake.registry.contracts
    aggregate = replace(known[ATTRIBUTIONS], key_columns=("play_day", "title_id"))
    lake = replace(lake, registry=Registry({**known, ATTRIBUTIONS: aggregate}))
    assert counted(lake, run) == {"2026-03-01": (2, written, 0)}


def test_each_day_of_a_run_is_counted_apart_also_an_empty_one(lake: Lake) -> None:
    run = replace(plays(lake, read=3, written=2), last_day=D2)
    assert counted(lake, run) == {"2026-03-01": (3, 2, 1), "2026-03-02": (0, 0, 0)}


def test_what_its_input_got_after_the_pin_is_not_counted_as_read(lake: Lake) -> None:
    run = plays(lake, read=2, written=2)
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False)
    assert counted(lake, run) == {"2026-03-01": (2, 2, 0)}


def test_the_total_is_the_sum_of_each_number() -> None:
    first = Rows.model_validate({"in": 9, "out": 6, "quarantined": 1, "duplicate": 2})
    other = Rows.model_validate({"in": 90, "out": 60, "quarantined": 10, "duplicate": 20})
    assert total([first, other]) == Rows.model_validate({"in": 99, "out": 66, "quarantined": 11, "duplicate": 22})
