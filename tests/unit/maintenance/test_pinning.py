"""Pinned sets: one consistent set of published snapshots stays readable, whatever expires, until its day is over."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.lakes import D1, D2, arrow, core_play, make_lake, pin, prepare

from matinee.cli import pins as cli
from matinee.contracts.stamps import day_stamp
from matinee.errors import CommitConflictError, InputsNotValidError, UnknownDatasetError, UsageError
from matinee.ledger.model import Run
from matinee.ledger.pinned_sets import PinnedSet, end_overdue, held, missing
from matinee.maintenance import pinning
from matinee.maintenance.pinning import end
from matinee.maintenance.pinning import pin as pin_set
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"
NOW, UNTIL, MUCH_LATER = datetime(2026, 3, 10, tzinfo=UTC), date(2026, 4, 1), datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A day of plays and its attributions."""
    lake = make_lake(tmp_path)
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1)], stamps={0: "11"}))
    read = replace(pin(lake, PLAYS, {D1: 1}), stamps={D1: day_stamp({0: "11"}) or ""})
    publish(lake, prepare(lake, ATTRIBUTIONS, D1, [], pins=(read, pin(lake, "core.impressions", {}))))
    return lake


def publish(lake: Lake, run: Run) -> None:
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(run.dataset), run)


def held_set(lake: Lake, *datasets: str, until: date = UNTIL, why: str = "model 7") -> PinnedSet:
    return pin_set(lake, datasets or (PLAYS, ATTRIBUTIONS), until, why, "me", NOW)


def test_what_is_pinned_stays_readable_whatever_expires(lake: Lake) -> None:
    pinned = held_set(lake)
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "newer")], generation=2))
    expire(lake, plan_expiry(lake, PLAYS, MUCH_LATER))
    table = lake.table(PLAYS)
    assert refs.reference(table, pinned.tag) == pinned.snapshots[PLAYS]
    assert table.scan(snapshot_id=pinned.snapshots[PLAYS]).to_arrow()["play_id"].to_pylist() == ["p1"]


def test_a_set_ends_once_its_last_day_is_over_by_the_clock_of_the_upkeep(lake: Lake) -> None:
    pinned = held_set(lake)
    assert end_overdue(lake, pinned.ends - timedelta(seconds=1)) == []
    assert (held(lake), missing(lake, pinned)) == ([pinned], [])
    assert end_overdue(lake, pinned.ends) == [pinned]
    assert (held(lake), missing(lake, pinned)) == ([], [PLAYS, ATTRIBUTIONS])


def test_the_same_call_again_changes_nothing(lake: Lake) -> None:
    assert held_set(lake) == held_set(lake)
    other = held_set(lake, why="model 8")
    assert [pinned.pin_id for pinned in held(lake)] == [f"{other.since:%Y%m%d}_1", f"{other.since:%Y%m%d}_2"]


def test_a_set_is_ended_by_hand(lake: Lake) -> None:
    pinned = held_set(lake)
    end(lake, pinned.pin_id)
    assert (held(lake), missing(lake, pinned)) == ([], [PLAYS, ATTRIBUTIONS])
    with pytest.raises(UsageError, match=r"No pinned set .* is held"):
        end(lake, pinned.pin_id)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda lake: held_set(lake, "core.play"), UnknownDatasetError, "core.play"),
        (lambda lake: held_set(lake, RAW), UsageError, "raw.plays is not a published dataset"),
        (lambda lake: held_set(lake, "core.impressions"), UsageError, "Nothing of core.impressions is published yet"),
        (lambda lake: held_set(lake, until=date(2026, 3, 9)), UsageError, "until 2026-03-09: that day is over"),
        (lambda lake: held_set(lake, why=" "), UsageError, "A pinned set has a reason"),
    ],
)
def test_what_cannot_be_pinned_is_refused(
    lake: Lake, call: Callable[[Lake], PinnedSet], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(lake)
    assert held(lake) == []


def test_the_last_day_may_be_today(lake: Lake) -> None:
    assert held_set(lake, until=NOW.date()).ends == datetime(2026, 3, 11, tzinfo=UTC)


def test_datasets_that_do_not_fit_together_are_no_set(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "newer")], generation=2))
    why = "core.play_attributions 2026-03-01 read generation 1 of core.plays 2026-03-01, which has 2"
    with pytest.raises(InputsNotValidError, match=why):
        held_set(lake)
    assert held_set(lake, PLAYS).snapshots.keys() == {PLAYS}


def test_other_rows_under_the_same_generation_do_not_fit_either(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "newer")], stamps={0: "22"}))
    with pytest.raises(InputsNotValidError, match=r"read other rows of core.plays 2026-03-01 than it has"):
        held_set(lake)


def test_rows_that_nobody_published_are_not_pinned(lake: Lake) -> None:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "unaudited")]))
    with pytest.raises(InputsNotValidError, match=r"core.plays 2026-03-01 is tampered"):
        held_set(lake, PLAYS)


def test_the_set_is_of_one_moment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    problems, left = pinning._problems, [True]

    def meanwhile(*arguments: object) -> object:
        if left.pop() if left else False:
            publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "p2")]))
        return problems(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pinning, "_problems", meanwhile)
    assert held_set(lake).snapshots[PLAYS] == refs.head(lake.table(PLAYS))


def test_datasets_that_do_not_stand_still_are_not_pinned(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*arguments: object) -> list[str]:
        publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "p2")]))
        return []

    monkeypatch.setattr(pinning, "_problems", meanwhile)
    with pytest.raises(CommitConflictError, match="were published again during each of 5 looks"):
        held_set(lake)
    assert held(lake) == []


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_line_pins_lists_and_ends(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "load_settings", lambda: lake.settings)
    asked = [PLAYS, ATTRIBUTIONS, "--until", "2099-01-01", "--why", "model 7", "--output", "json"]
    made = json.loads(CliRunner().invoke(cli.pin, asked).stdout)
    assert made["datasets"][0]["read_as"] == f"core.plays.tag_set_{made['pin']}"
    [row] = json.loads(CliRunner().invoke(cli.pins, ["list", "--output", "json"]).stdout)
    assert (row["pin"], row["until"], row["why"], row["incomplete"]) == (made["pin"], "2099-01-01", "model 7", [])
    assert "model 7" in CliRunner().invoke(cli.pins, ["list"]).stdout
    ended = CliRunner().invoke(cli.pins, ["end", made["pin"]])
    assert (ended.exit_code, "ended" in ended.stdout) == (0, True)
    assert CliRunner().invoke(cli.pins, ["list"]).stdout.strip() == "Nothing is pinned."
