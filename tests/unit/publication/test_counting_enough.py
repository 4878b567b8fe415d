"""Repeated rows are known once a day was derived; repeats beyond the usual share make no day complete."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, PLANNED, core_play, land, make_lake, pin, prepare, raw_play

from matinee.errors import NotCompleteError
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Run, State
from matinee.publication.counting import require_complete
from matinee.publication.move import move_to_main
from matinee.publication.record import finish
from matinee.report import Rows
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.manifests import Manifest, declare
from matinee.validity.validity import Validity

RAW, PLAYS = "raw.plays", "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def landed(lake: Lake, distinct: int, repeats: int, *, day: date = D1, seq: int = 1) -> None:
    plays = [raw_play(day, f"p{seq}-{number}") for number in range(distinct)]
    land(lake, RAW, [*plays, *(plays[number % distinct] for number in range(repeats))], seq=seq, close=False)


def manifest(lake: Lake, rows: int, *, distinct: int | None = None, day: date = D1, file: str | None = "m") -> None:
    declare(lake, [Manifest(RAW, day, rows, True, file, PLANNED, expected_distinct=distinct)])


def written(lake: Lake, distinct: int, repeats: int, *, day: date = D1, heal: bool = False) -> tuple[Run, Rows]:
    """A run that has written a day, and what it counted."""
    plays = [core_play(day, f"p{number}") for number in range(distinct)]
    pins = (pin(lake, RAW, {day: 1}),)
    run = prepare(lake, PLAYS, day, plays, pins=pins, read=distinct + repeats, out=distinct)
    counted = Rows.model_validate({"in": distinct + repeats, "out": distinct, "duplicate": repeats})
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    record(lake, [replace(prepared, rows=counted, recorded_ts=PLANNED + timedelta(seconds=1))])
    return (Run(**{**vars(run), "heal": heal}), counted)


def gate(lake: Lake, run: Run, counted: Rows) -> None:
    require_complete(lake, run, refs.head(lake.table(PLAYS), run.branch), {run.first_day: counted})


def publish(lake: Lake, distinct: int, repeats: int, *, day: date) -> None:
    landed(lake, distinct, repeats, day=day, seq=day.toordinal())
    run, _ = written(lake, distinct, repeats, day=day)
    finish(lake, run, move_to_main(lake, run, lambda _: ()))


def reason(lake: Lake, day: date = D1) -> str:
    cause = Validity(lake).status(RAW, day).reason
    return cause.detail if cause else ""


def test_a_day_that_was_delivered_twice_is_short_and_its_branch_goes(lake: Lake) -> None:
    landed(lake, 50, 50)
    manifest(lake, 100)
    run, counted = written(lake, 50, 50)
    with pytest.raises(NotCompleteError, match=r"short: 50 of 100 rows \(50%, by manifest; 50 of 100 landed rows"):
        gate(lake, run, counted)
    assert refs.reference(lake.table(PLAYS), run.branch) is None
    [known] = history(lake, PLAYS).find(run.publication_id)
    assert (known.state, known.rows.duplicate, known.reason and known.reason[:20]) == (
        State.ABANDONED,
        50,
        "short: 50 of 100 row",
    )


def refused(lake: Lake, distinct: int, repeats: int) -> None:
    with pytest.raises(NotCompleteError):
        gate(lake, *written(lake, distinct, repeats))


def test_what_was_measured_keeps_the_landed_day_short_until_more_rows_land(lake: Lake) -> None:
    landed(lake, 50, 50)
    manifest(lake, 100)
    assert reason(lake) == ""
    refused(lake, 50, 50)
    assert reason(lake).startswith("short: 50 of 100 rows")
    landed(lake, 20, 0, seq=2)
    assert reason(lake).startswith("short: 70 of 100 rows")
    landed(lake, 30, 0, seq=3)
    assert reason(lake) == ""


def test_repeats_of_rows_that_are_gone_are_not_subtracted(lake: Lake) -> None:
    landed(lake, 50, 50)
    manifest(lake, 60)
    gate(lake, *written(lake, 60, 140))
    manifest(lake, 100)
    refused(lake, 60, 140)
    assert reason(lake) == ""


def test_repeats_up_to_the_usual_share_make_no_day_short(lake: Lake) -> None:
    landed(lake, 94, 6)
    manifest(lake, 100)
    gate(lake, *written(lake, 94, 6))
    refused(lake, 92, 8)


def test_the_last_published_days_say_what_share_repeats_others(lake: Lake) -> None:
    for back in range(4, 0, -1):
        publish(lake, 92, 8, day=D1 - timedelta(days=back))
    landed(lake, 92, 8)
    manifest(lake, 100)
    gate(lake, *written(lake, 92, 8))


def test_a_manifest_that_counts_distinct_rows_wins(lake: Lake) -> None:
    landed(lake, 60, 40)
    manifest(lake, 100, distinct=60)
    assert reason(lake) == ""
    gate(lake, *written(lake, 60, 40))
    manifest(lake, 100, distinct=80)
    refused(lake, 60, 40)
    assert reason(lake) == "short: 60 of 80 rows (75%, by manifest; 40 of 100 landed rows repeat others)"


def test_a_day_that_a_person_declares_complete_is_complete_as_it_is(lake: Lake) -> None:
    landed(lake, 50, 50)
    manifest(lake, 100)
    refused(lake, 50, 50)
    manifest(lake, 100, file=None)
    assert reason(lake) == ""
    gate(lake, *written(lake, 50, 50))


def test_heals_and_published_days_are_not_judged_again(lake: Lake) -> None:
    manifest(lake, 100)
    gate(lake, *written(lake, 50, 50, heal=True))
    publish(lake, 50, 50, day=D1)
    assert reason(lake) == ""
    gate(lake, *written(lake, 50, 50))


def test_a_published_day_of_which_more_is_expected_now_is_judged_again(lake: Lake) -> None:
    manifest(lake, 50)
    publish(lake, 50, 0, day=D1)
    manifest(lake, 100)
    refused(lake, 50, 50)
