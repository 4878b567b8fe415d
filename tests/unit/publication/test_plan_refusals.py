"""Refusals of planning: each refusal names its cause, and leaves no branch and no pin."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, close_days, core_play, kept, land, make_lake, pin, prepare, raw_play

from matinee.errors import DroppedError, InputsNotValidError, UsageError
from matinee.ledger.dropping import drop_before
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import drop_branches, move_to_main
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS, OUTCOMES = "raw.plays", "core.plays", "core.play_attributions", "core.impression_plays"
D0 = D1 - timedelta(days=1)


def fill(lake: Lake) -> None:
    """Land and close two days of plays; the lake begins with the first."""
    land(lake, RAW, [raw_play(D1, "p1"), raw_play(D2, "p2")])


kept_lake, lake = kept(fill)


def publish(lake: Lake, dataset: str, *days: object, **values: object) -> None:
    for day in days:
        rows = [core_play(day, f"p{day.day}")] if dataset == PLAYS else []  # type: ignore[attr-defined, arg-type]
        run = prepare(lake, dataset, day, rows, **values)  # type: ignore[arg-type]
        move_to_main(lake, run, lambda _: ())
        drop_branches(lake.table(dataset), run)


def withdraw_newest(lake: Lake, dataset: str, day: object) -> None:
    newest = history(lake, dataset).newest(day)  # type: ignore[arg-type]
    assert newest is not None
    withdraw(lake, newest, "doubled starts")


def refused(lake: Lake, request: RunRequest, error: type[Exception], words: str) -> None:
    """Plan, and see that the run is refused and that no reference is left of it."""
    with pytest.raises(error, match=words):
        plan(lake, request)
    known = [name for name in (request.dataset, RAW, PLAYS) if lake.exists(name)]
    assert {name for dataset in known for name in lake.table(dataset).metadata.refs} == {refs.MAIN}


def test_what_is_landed_is_not_made_by_a_run(lake: Lake) -> None:
    refused(lake, RunRequest(RAW, D1, D1), UsageError, r"raw\.plays is not made by a run")


def test_in_a_lake_without_a_closed_day_nothing_is_planned(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land(lake, RAW, [raw_play(D1)], close=False)
    refused(lake, RunRequest(PLAYS, D1, D1), InputsNotValidError, "the lake has no closed day")


def test_days_before_the_first_of_the_lake_are_not_planned(lake: Lake) -> None:
    refused(lake, RunRequest(PLAYS, D0, D0), UsageError, "the lake begins with 2026-03-01")


def test_a_range_that_reaches_the_first_day_is_planned_from_it_on(lake: Lake) -> None:
    run = plan(lake, RunRequest(PLAYS, D0, D1)).run
    assert (run.first_day, run.last_day) == (D1, D1)


def test_a_day_whose_input_is_not_valid_is_not_planned(lake: Lake) -> None:
    words = r"core\.plays 2026-03-03 reads raw\.plays 2026-03-03, which is not valid: .*open"
    refused(lake, RunRequest(PLAYS, D3, D3), InputsNotValidError, words)


def test_a_day_that_reads_a_dropped_day_is_not_planned(lake: Lake) -> None:
    drop_before(lake.table(RAW), lake.registry.get(RAW), D2)
    refused(lake, RunRequest(PLAYS, D1, D1), DroppedError, "is not derived again")


def test_a_day_that_was_never_published_has_nothing_to_heal(lake: Lake) -> None:
    words = "was never published: there is nothing to heal"
    refused(lake, RunRequest(PLAYS, D1, D1, heal=True), UsageError, words)


def test_a_withdrawn_day_is_not_healed(lake: Lake) -> None:
    publish(lake, PLAYS, D1, pins=(pin(lake, RAW, {D1: 1}),))
    withdraw_newest(lake, PLAYS, D1)
    words = r"was withdrawn \(doubled starts\): no heal publishes it again"
    refused(lake, RunRequest(PLAYS, D1, D1, heal=True), InputsNotValidError, words)


def outcomes(lake: Lake, *read: object) -> None:
    """Publish what the first two days of outcomes read, and the first day, made with these days of attributions."""
    close_days(lake, "raw.impressions", {D1: 0, D2: 0})
    publish(lake, "core.impressions", D1, D2)
    publish(lake, PLAYS, D1, D2)
    publish(lake, ATTRIBUTIONS, D1, D2)
    publish(lake, OUTCOMES, D1, pins=(pin(lake, ATTRIBUTIONS, dict.fromkeys(read, 1)),))  # type: ignore[arg-type]


def test_a_day_made_with_an_optional_day_that_is_now_invalid_is_not_healed(lake: Lake) -> None:
    outcomes(lake, D1, D2)
    withdraw_newest(lake, ATTRIBUTIONS, D2)
    words = r"was made with core\.play_attributions 2026-03-02, which is not valid now"
    refused(lake, RunRequest(OUTCOMES, D1, D1, heal=True), InputsNotValidError, words)


def test_a_day_made_without_that_optional_day_is_healed(lake: Lake) -> None:
    outcomes(lake, D1)
    withdraw_newest(lake, ATTRIBUTIONS, D2)
    run = plan(lake, RunRequest(OUTCOMES, D1, D1, heal=True)).run
    assert (run.heal, run.pin(ATTRIBUTIONS).days) == (True, {D1: 1})


def test_a_run_publishes_the_days_before_its_key_that_its_key_touches(lake: Lake) -> None:
    outcomes(lake, D1, D2)
    run = plan(lake, RunRequest(OUTCOMES, D2, D2)).run
    assert (run.first_day, run.last_day) == (D1, D2)


@pytest.mark.parametrize("dataset", [OUTCOMES, ATTRIBUTIONS])
def test_an_earlier_day_that_was_withdrawn_or_lacks_an_input_is_left_out(lake: Lake, dataset: str) -> None:
    outcomes(lake, D1, D2)
    withdraw_newest(lake, dataset, D1)
    assert plan(lake, RunRequest(OUTCOMES, D2, D2)).run.first_day == D2


def test_labels_are_as_of_the_end_of_the_last_valid_day_that_is_read_ahead(lake: Lake) -> None:
    outcomes(lake)
    ends = {key: plan(lake, RunRequest(OUTCOMES, key, key)).run.as_of for key in (D1, D2)}
    # The first day reads the second ahead, the second reads a third, which is not there.
    assert {key: str(as_of)[:10] for key, as_of in ends.items()} == {D1: "2026-03-03", D2: "2026-03-03"}
