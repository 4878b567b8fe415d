"""`matinee doctor` says what is pinned, by whom and until when, and what `keep` has and has not dropped."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.lakes import D1, D2, D3, core_play, land, make_lake, prepare, raw_play

from matinee.cli import doctor
from matinee.cli.main import main
from matinee.contracts.registry import Registry
from matinee.errors import UnreadableError
from matinee.ledger.pinned_sets import hold
from matinee.maintenance.drops import drop
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"
UNTIL = date(2099, 1, 1)
Told = Callable[[str], list[dict[str, str]]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Plays of three days, of which two are kept."""
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(day) for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        run = prepare(lake, PLAYS, day, [core_play(day)])
        move_to_main(lake, run, lambda _: ())
        drop_branches(lake.table(PLAYS), run)
    known = {contract.dataset: contract for contract in lake.registry.all()}
    return replace(lake, registry=Registry(known | {PLAYS: replace(known[PLAYS], keep=timedelta(days=2))}))


@pytest.fixture
def told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return the rows of doctor for a check."""
    monkeypatch.setattr(doctor, "CHECKS", {})
    monkeypatch.setattr(doctor, "load_settings", lambda: lake.settings)
    monkeypatch.setattr(doctor.Lake, "open", lambda _: lake)

    def rows(check: str) -> list[dict[str, str]]:
        result = CliRunner().invoke(doctor.doctor, ["--output", "json"])
        assert result.exit_code == 0
        return [row for row in json.loads(result.stdout) if row["check"] == check]

    return rows


def pinned(lake: Lake, until: date = UNTIL) -> str:
    return hold(lake, {PLAYS: refs.head(lake.table(PLAYS))}, until, "model 7", "me").pin_id


def test_doctor_says_what_is_pinned_by_whom_and_until_when(lake: Lake, told: Told) -> None:
    pin_id = pinned(lake)
    [row] = told("pins")
    assert (row["state"], row["detail"]) == ("ok", f"{pin_id}: core.plays held by me (model 7)")
    assert (row["until"], row["next"]) == ("2099-01-02T00:00:00+00:00", f"`matinee pins end {pin_id}` ends it sooner")


def test_doctor_warns_of_cut_off_pinned_sets_and_of_ended_pinned_sets(lake: Lake, told: Told) -> None:
    cut_off, over = pinned(lake), pinned(lake, D3)
    refs.remove(lake.table(PLAYS), f"set_{cut_off}", expected=refs.head(lake.table(PLAYS)))
    first, second = told("pins")
    assert (first["state"], first["detail"].endswith("; not yet core.plays")) == ("warning", True)
    assert (second["state"], second["detail"].split(":")[0], second["next"]) == (
        "warning",
        over,
        "the nightly upkeep ends it",
    )


def test_doctor_says_what_keep_will_drop_and_has_dropped(lake: Lake, told: Told) -> None:
    [before] = told("keep")
    assert before["detail"] == "core.plays keeps 2 days: none was dropped yet"
    assert before["next"] == "the next upkeep drops 1 days"
    drop(lake, PLAYS, datetime.now(UTC))
    [after] = told("keep")
    assert after["detail"] == "core.plays keeps 2 days: days before 2026-03-02 were dropped; the last drop took 1 rows"
    assert (after["next"], after["since"] is None) == (None, False)


def test_doctor_says_what_keep_could_not_drop_and_for_whom(lake: Lake, told: Told) -> None:
    pin_id = pinned(lake)
    _, needed = told("keep")
    assert needed["detail"] == (
        "core.plays: days from 2026-03-01 on, before 2026-03-02, are not dropped: "
        f"the pinned set {pin_id} of me (model 7) needs them"
    )
    assert (needed["state"], needed["until"]) == ("open", "2099-01-02T00:00:00+00:00")


def test_doctor_says_so_in_text(lake: Lake, told: Told) -> None:
    pinned(lake)
    result = CliRunner().invoke(doctor.doctor, [])
    assert "model 7" in result.stdout
    assert "2099-01-02" in result.stdout
    assert told("pins")


def test_doctor_names_each_table_whose_files_cannot_be_read(lake: Lake) -> None:
    snapshot = lake.table(PLAYS).current_snapshot()
    assert snapshot is not None
    for path in (snapshot.manifest_list, lake.table("raw.plays").metadata_location):
        Path(path.removeprefix("file://")).write_text("{")
    with pytest.raises(UnreadableError) as told:
        doctor.CHECKS["files"](lake.settings)
    assert f"The manifest list of snapshot {snapshot.snapshot_id} of core.plays cannot be read" in told.value.message
    assert "The metadata of raw.plays are damaged" in told.value.message


def test_doctor_says_how_many_manifests_can_be_read(lake: Lake) -> None:
    assert re.fullmatch(r"[1-9]\d* manifests of `main` can be read", doctor.CHECKS["files"](lake.settings))


def test_a_table_that_cannot_be_read_keeps_no_other_from_vtts_list(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(lake.table(PLAYS).metadata_location.removeprefix("file://")).write_text("{")
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    with pytest.raises(SystemExit):
        main(["vtts", "list", "--output", "json"])
    told = capsys.readouterr()
    assert "core.impressions" in {row["dataset"] for row in json.loads(told.out)}
    assert "The metadata of core.plays are damaged" in json.loads(told.err)["error"]["message"]
