"""A lake that an older version wrote, and died in the middle of, opens and goes on.

The older version does all that leaves something behind: a landing that was cut off before and one after its rows
reached `main`, an open branch before and one after its audit, a publication that is not in the ledger, a lease of a
dead healer, and a stream that died between its two live tables. The lake is read as it is and upgraded; the tests go on
with it in this order.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import streams
from tests.support.lakes import D1, D2, D3, ids
from tests.support.older import Older, unpack_wheel

from matinee.cli.main import main
from matinee.contracts.model import live_name
from matinee.errors import LakeFormatError, LeaseHeldError
from matinee.healing import healer
from matinee.healing.late import stale_days
from matinee.landing.ingest import ingest
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.live.impressions import LIVE
from matinee.live.tick import tick
from matinee.maintenance import upgrade, upkeep
from matinee.maintenance.compaction import compact
from matinee.maintenance.leftovers import clean, leftovers
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run
from matinee.settings import Settings, load_settings
from matinee.sources.files.folder import Folder
from matinee.table.catalog import Lake
from matinee.table.leases import lease
from matinee.table.registers import stamp
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(900)]
IMPRESSIONS, PLAYS = "core.impressions", "core.plays"
D4 = date(2026, 3, 4)
Call = Callable[..., object]


def noon(day: date, minute: int = 0) -> str:
    return f"{day}T12:{minute:02d}:00Z"


def drop(folder: Path, *days: date) -> None:
    """Put one file of each kind into a folder: an impression and its play, an organic play, and their manifest."""
    shown = [streams.impression(day.day, noon(day)) for day in days]
    taken = [streams.play(day.day, noon(day, 5)) for day in days]
    organic = [streams.play(10 + day.day, noon(day), title_id="never shown") for day in days]
    name = f"{days[0]}"
    streams.drop_files(folder, name, shown, [*taken, *organic])
    with (folder / f"manifest_{name}.jsonl").open("w") as manifest:
        for day in days:
            for dataset, rows in (("raw.impressions", 1), ("raw.plays", 2)):
                line = {"dataset": dataset, "day": str(day), "expected_rows": rows, "closed": True}
                manifest.write(json.dumps(line) + "\n")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stream takes its files from; those of the fourth day lie in `later` beside it."""
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, spark_remote: str, landing: Path) -> Settings:
    """The lake as the older version left it."""
    package = unpack_wheel(tmp_path_factory.mktemp("older"))
    home = tmp_path_factory.mktemp("home")
    older_settings = load_settings(home=home, catalog="embedded", spark_remote=spark_remote, engine="sail")
    older = Older(package, older_settings)
    drop(landing, D1, D2, D3)
    older.call("stream", "run", "--from", landing)
    for dataset in streams.CHAIN:
        older.call("run", dataset, "--from", D1, "--to", D2)
    leave_open(older)
    streams.drop_files(landing, "after", plays=[streams.play(20, noon(D3, 10), title_id="never shown")])
    older.die("stream.after_attributions", "stream", "run", "--from", landing)
    later = landing / "later"
    drop(later, D4)
    plays = later / f"plays_{D4}.jsonl"
    plays.write_text(plays.read_text() + "cut off in the mid\n")
    older.die("ingest.after_write", "ingest", "--from", plays)
    older.die("ingest.after_raw", "ingest", "--from", later / f"impressions_{D4}.jsonl")
    older.die("heal.after_lease", "heal", "apply")
    return older_settings


def leave_open(older: Older) -> None:
    """Die within four runs: with rows to audit, with rows to publish, after publishing, and with nothing."""
    older.die("write.after_commit", "run", PLAYS, "--key", D3, "--attempt", "written")
    older.die("audit.after_prepared", "run", IMPRESSIONS, "--key", D3, "--attempt", "audited")
    older.die("publish.after_move", "run", IMPRESSIONS, "--key", D2, "--attempt", "moved")
    older.die("write.after_branch", "run", PLAYS, "--key", D2, "--attempt", "begun")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake.open(settings)


@pytest.fixture
def call(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command on the lake and return what it printed."""
    monkeypatch.setenv("MATINEE_HOME", str(settings.home))

    def run_command(*arguments: str) -> object:
        main([*arguments, "--output", "json"])
        return json.loads(capsys.readouterr().out)

    return run_command


def test_what_was_published_is_valid(call: Call) -> None:
    listed = call("vtts", "list")
    assert isinstance(listed, list)
    reached = {row["dataset"]: row["vtts"] for row in listed}
    assert {reached[dataset] for dataset in streams.CHAIN} == {f"{D3} 00:00:00+00:00"}
    assert reached["raw.plays"] == f"{D4} 00:00:00+00:00"


def test_nothing_that_was_published_is_late(call: Call) -> None:
    assert call("late", "scan") == []


def test_nothing_is_landed_before_the_upgrade(settings: Settings, lake: Lake, landing: Path) -> None:
    before = lake.table("raw.plays").metadata_location
    with pytest.raises(LakeFormatError, match="matinee lake upgrade"):
        ingest(settings, None, [landing / "later"])
    assert lake.table("raw.plays").metadata_location == before


def test_the_upgrade_waits_for_the_lease_of_a_dead_healer(
    lake: Lake, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LeaseHeldError):
        upgrade.upgrade(lake)
    later = stamp() + lease.TIME
    monkeypatch.setattr(upgrade, "stamp", lambda: later)
    steps = call("lake", "upgrade")
    assert isinstance(steps, list)
    assert [step["step"] for step in steps if step["dataset"] == "ops.lake"] == ["format 1 -> 3"]
    assert any(step["step"].startswith("remove branch lease_") for step in steps)
    assert call("lake", "upgrade") == []


def test_landings_that_were_cut_off_lose_and_double_no_row(settings: Settings, lake: Lake, landing: Path) -> None:
    ingest(settings, None, [landing / "later"])
    assert ids(lake, "raw.plays", "play_id") == ["p1", "p11", "p12", "p13", "p14", "p2", "p20", "p3", "p4"]
    assert ids(lake, "raw.impressions", "event_id") == ["e1", "e2", "e3", "e4"]
    assert ids(lake, "raw.quarantine", "payload") == ["cut off in the mid"]
    assert {report.details["already"] for report in ingest(settings, None, [landing, landing / "later"])} == {"yes"}


def test_a_publication_that_reached_main_is_in_the_ledger_after_recovery(lake: Lake) -> None:
    recover(lake, IMPRESSIONS)
    [moved] = history(lake, IMPRESSIONS).find("core_impressions_20260302_moved")
    assert moved.state is State.PUBLISHED


def test_a_branch_that_was_not_audited_is_audited_and_published(settings: Settings, lake: Lake) -> None:
    audit(settings, PLAYS, "core_plays_20260303_written")
    publish(settings, PLAYS, "core_plays_20260303_written")
    assert Validity(lake).status(PLAYS, D3).valid


def test_a_branch_that_was_audited_is_published(settings: Settings, lake: Lake) -> None:
    publish(settings, IMPRESSIONS, "core_impressions_20260303_audited")
    assert Validity(lake).status(IMPRESSIONS, D3).valid
    assert ids(lake, IMPRESSIONS, "event_id") == ["e1", "e2", "e3"]


def test_the_next_days_are_published(settings: Settings, lake: Lake) -> None:
    for dataset in streams.CHAIN:
        run(settings, RunRequest(dataset, D3, D4))
    vtts = {Validity(lake).vtts(dataset).vtts for dataset in streams.CHAIN}
    assert vtts == {datetime(2026, 3, 5, tzinfo=UTC)}


def test_a_day_is_withdrawn_and_published_again(settings: Settings, lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert not Validity(lake).status(PLAYS, D1).valid
    for dataset in streams.CHAIN:
        run(settings, RunRequest(dataset, D1, D4))
    assert {Validity(lake).vtts(dataset).vtts for dataset in streams.CHAIN} == {datetime(2026, 3, 5, tzinfo=UTC)}


def test_what_is_late_is_healed(settings: Settings, lake: Lake, landing: Path) -> None:
    streams.drop_files(landing, "late", plays=[streams.play(30, noon(D1, 30), title_id="never shown")])
    ingest(settings, None, [landing / "plays_late.jsonl"])
    healer.apply(settings)
    assert "p30" in ids(lake, PLAYS, "play_id")
    assert list(stale_days(lake)) == []


def test_the_stream_goes_on_from_where_it_died_and_agrees_with_the_batch(settings: Settings, landing: Path) -> None:
    streams.drop_files(landing, "end", *streams.END)
    tick(settings, Folder(landing))
    streams.assert_live_is_published(settings)


def test_what_nothing_needs_any_more_expires_and_all_days_stay_valid(settings: Settings, lake: Lake) -> None:
    later = stamp() + timedelta(days=400)
    for dataset in (PLAYS, "raw.plays", live_name(LIVE[-1])):
        before = len(lake.table(dataset).metadata.snapshots)
        upkeep.expire_snapshots(settings, dataset, later)
        assert len(lake.table(dataset).metadata.snapshots) < before
    assert ids(lake, PLAYS, "play_id") == ["p1", "p11", "p12", "p13", "p14", "p2", "p20", "p3", "p30", "p4"]
    assert {Validity(lake).vtts(dataset).vtts for dataset in streams.CHAIN} == {datetime(2026, 3, 5, tzinfo=UTC)}


def test_what_dead_runs_have_left_can_be_cleaned(lake: Lake) -> None:
    for leftover in list(leftovers(lake)):
        assert leftover.branch in {"audit_core_plays_20260302_begun", "audit_core_impressions_20260302_moved"}
        clean(lake, leftover)
    assert {Validity(lake).vtts(dataset).vtts for dataset in streams.CHAIN} == {datetime(2026, 3, 5, tzinfo=UTC)}


def test_small_files_are_compacted_and_no_row_changes(settings: Settings, lake: Lake) -> None:
    for number in range(5):
        name, minute = f"small{number}", 40 + number
        streams.drop_files(
            settings.home, name, plays=[streams.play(40 + number, noon(D4, minute), title_id="never shown")]
        )
        ingest(settings, None, [settings.home / f"plays_{name}.jsonl"])
    before = ids(lake, "raw.plays", "play_id")
    report = compact(settings, "raw.plays")
    assert int(report.details["files_after"]) < int(report.details["files_before"])
    assert ids(lake, "raw.plays", "play_id") == before
