"""What must not reach `main`, and what must not be lost on the way: steps called again, late or half done."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, ids, land, land_days, raw_play

from matinee.cli.main import main
from matinee.errors import AuditFailedError, InputsNotValidError, UsageError
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run, write
from matinee.settings import CHECKOUT, Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.sail]
PLAYS = "core.plays"
CHAIN = ("core.impressions", PLAYS, "core.play_attributions", "core.impression_plays")


def request(day: date = D1, attempt: str | None = "r1", dataset: str = PLAYS) -> RunRequest:
    return RunRequest(dataset, day, day, attempt=attempt)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    return lake


def test_rows_written_after_the_audit_are_audited_before_publishing(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    identity = write(settings, request()).publication_id or ""
    audit(settings, PLAYS, identity)
    write(settings, request())
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    never = "-- severity: blocking\n-- why: nothing passes\nSELECT play_id FROM candidate"
    (sql / "core" / "plays" / "audits").mkdir()
    (sql / "core" / "plays" / "audits" / "never.sql").write_text(never)
    with pytest.raises(AuditFailedError):
        publish(settings.model_copy(update={"sql_dir": sql}), PLAYS, identity)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_branch_without_a_write_is_not_taken_for_a_publication(lake: Lake, settings: Settings) -> None:
    run(settings, request(D2, "other"))
    planned = plan(lake, request())
    with pytest.raises(UsageError, match="was not written"):
        audit(settings, PLAYS, planned.run.publication_id)


def test_a_published_attempt_is_followed_by_a_new_one_of_its_name(lake: Lake, settings: Settings) -> None:
    run(settings, request())
    land(lake, "raw.plays", [raw_play(D1, "late")], seq=2, close=False)
    assert run(settings, request()).publication_id == "core_plays_20260301_r1_2"
    assert ids(lake, PLAYS, "play_id") == ["late", "o1", "p1"]


def test_steps_called_again_after_publishing_report_the_publication(lake: Lake, settings: Settings) -> None:
    first = run(settings, request())
    identity = first.publication_id or ""
    run(settings, request(attempt="r2"))
    again = publish(settings, PLAYS, identity)
    assert (again.snapshot_id, again.rows, again.days) == (first.snapshot_id, first.rows, first.days)
    assert audit(settings, PLAYS, identity).verdicts == first.verdicts


def test_an_earlier_day_without_its_own_attributions_is_left_as_it_stands(lake: Lake, settings: Settings) -> None:
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    newest = history(lake, "core.play_attributions").newest(D1)
    assert newest is not None
    withdraw(lake, newest, "a broken player")
    report = run(settings, request(D2, None, "core.impression_plays"))
    assert report.days == (D2,)
    assert not Validity(lake).status("core.impression_plays", D1).valid
    joined = lake.table("core.impression_plays").scan(row_filter=f"event_day = '{D1}'").to_arrow()
    assert joined["plays"].to_pylist() == [1]


def test_an_experiment_keeps_what_its_other_runs_have_written(lake: Lake, settings: Settings) -> None:
    for day in (D1, D2):
        run(settings, RunRequest(PLAYS, day, day, experiment="try"))
    assert ids(lake, PLAYS, "play_id", "experiment_try") == ["o1", "o2", "p1", "p2"]
    with pytest.raises(InputsNotValidError):
        write(settings, RunRequest(PLAYS, date(2026, 3, 9), date(2026, 3, 9), experiment="try"))
    assert ids(lake, PLAYS, "play_id", "experiment_try") == ["o1", "o2", "p1", "p2"]


def test_an_experiment_reads_the_rows_of_the_same_experiment(lake: Lake, settings: Settings) -> None:
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D1))
    short = {"attribution.window": "1s"}
    for dataset in CHAIN[2:]:
        run(settings, RunRequest(dataset, D1, D1, parameters=short, experiment="short"))
    table = lake.table("core.impression_plays")
    branch = table.scan(snapshot_id=refs.head(table, "experiment_short")).to_arrow()
    assert branch["plays"].to_pylist() == [0]
    assert table.scan().to_arrow()["plays"].to_pylist() == [1]


def test_a_key_before_the_lakes_first_day_is_a_wrong_call(lake: Lake, settings: Settings) -> None:
    with pytest.raises(UsageError, match="begins with 2026-03-01"):
        write(settings, request(date(2026, 2, 1)))


def test_a_contract_with_problems_makes_the_check_exit_with_1(tmp_path: Path) -> None:
    good = (CHECKOUT / "sql" / "core" / "plays" / "contract.odcs.yaml").read_text()
    bad = tmp_path / "contract.odcs.yaml"
    bad.write_text(good.replace("physicalType: string", "physicalType: text", 1))
    with pytest.raises(SystemExit) as ended:
        main(["contract", "check", str(bad)])
    assert ended.value.code == 1
