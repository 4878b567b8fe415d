"""The write-audit-publish cycle on every catalog, by Spark and PyIceberg together."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.catalogs import CATALOGS
from tests.support.lakes import D1, D2, D3, ids, land, land_days, raw_impression, raw_play

from matinee.engine.session import spark_session
from matinee.engine.tables.spark_procedures import row_hash
from matinee.engine.tables.spark_tables import read
from matinee.errors import AuditFailedError, InputsNotValidError, SnapshotGoneError, UsageError
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.pins import release
from matinee.ledger.withdrawal import withdraw
from matinee.maintenance import retention
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication import steps
from matinee.publication.plan import Plan
from matinee.publication.reaudit import audit_published
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run, write
from matinee.report import Report
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import stamp
from matinee.validity.validity import Validity

pytestmark = pytest.mark.spark
CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


def publish_all(settings: Settings, first: date, last: date) -> dict[str, Report]:
    return {dataset: run(settings, RunRequest(dataset, first, last)) for dataset in CHAIN}


def hash_of(settings: Settings, dataset: str) -> tuple[int, str]:
    lake = Lake.open(settings)
    column = lake.registry.get(dataset).day_column or ""
    with spark_session(settings) as spark:
        return row_hash(read(spark, settings, dataset, refs.head(lake.table(dataset)), column, D1, D3))


@pytest.mark.parametrize("any_catalog", CATALOGS, indirect=True)
def test_the_chain_is_published_and_valid_on_every_catalog(any_settings: Settings) -> None:
    land_days(Lake.open(any_settings), D1, D2)
    reports = publish_all(any_settings, D1, D2)
    lake = Lake.open(any_settings)
    assert reports["core.impressions"].rows.duplicate == 2
    assert ids(lake, "core.impressions", "event_id") == ["e1", "e2"]
    attributed = lake.table("core.play_attributions").scan().to_arrow().sort_by("play_id").to_pylist()
    assert [(row["play_id"], row["event_id"]) for row in attributed] == [
        ("o1", None),
        ("o2", None),
        ("p1", "e1"),
        ("p2", "e2"),
    ]
    joined = lake.table("core.impression_plays").scan().to_arrow().sort_by("event_id").to_pylist()
    assert [(row["plays"], row["watch_ms"], row["label"], row["is_mature"]) for row in joined] == [
        (1, 2500, "positive", True),
        (1, 2500, "positive", False),
    ]
    assert {str(Validity(lake).vtts(dataset).vtts) for dataset in CHAIN} == {"2026-03-03 00:00:00+00:00"}
    assert str(Validity(lake).vtts("core.impression_plays").mature_through) == "2026-03-02 00:00:00+00:00"


def test_a_blocking_audit_leaves_main_and_its_reason_in_the_ledger(settings: Settings, tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    bad = "-- severity: blocking\n-- why: nothing passes\nSELECT play_id FROM candidate"
    (sql / "core" / "plays" / "audits").mkdir()
    (sql / "core" / "plays" / "audits" / "never.sql").write_text(bad)
    strict = settings.model_copy(update={"sql_dir": sql})
    lake = Lake.open(strict)
    land_days(lake, D1)
    lake.ensure("core.plays")
    before = refs.head(lake.table("core.plays"))
    with pytest.raises(AuditFailedError, match=r"never \(2 bad rows\)") as failed:
        run(strict, RunRequest("core.plays", D1, D1))
    assert refs.head(lake.table("core.plays")) == before
    [record] = history(lake, "core.plays").all()
    assert record.state is State.ABANDONED
    assert [verdict.audit for verdict in record.verdicts if verdict.blocks] == ["never"]
    assert refs.reference(lake.table("core.plays"), f"audit_{failed.value.facts['publication_id']}") is not None


@pytest.mark.slow
@pytest.mark.sail
def test_the_same_key_on_the_same_pins_gives_the_same_rows(settings: Settings) -> None:
    land_days(Lake.open(settings), D1, D2)
    publish_all(settings, D1, D2)
    first = {dataset: hash_of(settings, dataset) for dataset in CHAIN}
    publish_all(settings, D1, D2)
    assert {dataset: hash_of(settings, dataset) for dataset in CHAIN} == first


@pytest.mark.slow
@pytest.mark.embedded
def test_keys_one_by_one_give_the_rows_of_the_range(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"home": tmp_path / "other"})
    for each in (settings, other):
        land_days(Lake.open(each), D1, D2, D3)
    publish_all(settings, D1, D3)
    for day in (D1, D2, D3):
        publish_all(other, day, day)
    assert {d: hash_of(settings, d) for d in CHAIN} == {d: hash_of(other, d) for d in CHAIN}


@pytest.mark.sail
def test_a_range_derives_each_touched_day_once_in_one_publication(settings: Settings) -> None:
    land_days(Lake.open(settings), D1, D2)
    report = publish_all(settings, D1, D2)["core.impression_plays"]
    assert report.days == (D1, D2)
    assert len(history(Lake.open(settings), "core.impression_plays").find(report.publication_id or "")) == 2


@pytest.mark.sail
def test_a_rerun_of_an_old_key_keeps_mature_days_mature(settings: Settings) -> None:
    land_days(Lake.open(settings), D1, D2)
    publish_all(settings, D1, D2)
    run(settings, RunRequest("core.impression_plays", D1, D1))
    joined = Lake.open(settings).table("core.impression_plays").scan(row_filter=f"event_day = '{D1}'").to_arrow()
    assert joined["is_mature"].to_pylist() == [True]


@pytest.mark.sail
def test_a_day_whose_input_is_not_valid_is_not_written(settings: Settings) -> None:
    lake = Lake.open(settings)
    land(lake, "raw.plays", [raw_play(D1)])
    land(lake, "raw.plays", [raw_play(D2)], seq=2, close=False)
    with pytest.raises(InputsNotValidError, match=r"raw.plays 2026-03-02, which is not valid.*open"):
        write(settings, RunRequest("core.plays", D2, D2))
    assert set(lake.table("core.plays").metadata.refs) == {"main"}


@pytest.mark.sail
def test_a_closed_empty_day_is_published_and_valid(settings: Settings) -> None:
    lake = Lake.open(settings)
    land(lake, "raw.plays", [raw_play(D1)])
    from tests.support.lakes import close_days

    close_days(lake, "raw.plays", {D2: 0})
    run(settings, RunRequest("core.plays", D2, D2))
    assert Validity(lake).status("core.plays", D2).valid


@pytest.mark.slow
@pytest.mark.sail
def test_maturing_is_no_restatement(settings: Settings) -> None:
    land_days(Lake.open(settings), D1, D2)
    for day in (D1, D2):
        publish_all(settings, day, day)
    newest = history(Lake.open(settings), "core.impression_plays").newest(D1)
    assert newest is not None
    assert (newest.run.key, newest.generation) == (D2.isoformat(), 1)


@pytest.mark.sail
def test_a_day_published_from_more_rows_gets_a_new_generation(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    publish_all(settings, D1, D1)
    land(lake, "raw.plays", [raw_play(D1, "late")], seq=2, close=False)
    run(settings, RunRequest("core.plays", D1, D1))
    validity = Validity(Lake.open(settings))
    assert validity.status("core.plays", D1).generation == 2
    reason = validity.status("core.play_attributions", D1).reason
    assert reason is not None
    assert reason.kind == "restated"


@pytest.mark.slow
@pytest.mark.sail
def test_a_withdrawn_day_is_valid_again_once_its_readers_ran_again(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    publish_all(settings, D1, D1)
    newest = history(lake, "core.plays").newest(D1)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert not Validity(lake).status("core.impression_plays", D1).valid
    for dataset in CHAIN[1:]:
        run(settings, RunRequest(dataset, D1, D1))
    assert Validity(lake).status("core.impression_plays", D1).valid


@pytest.mark.slow
@pytest.mark.sail
def test_an_experiment_writes_a_branch_and_leaves_main_alone(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    land(lake, "raw.plays", [raw_play(D2, "p40", title_id="t1")], seq=2, close=False)
    publish_all(settings, D1, D2)
    main = refs.head(lake.table("core.play_attributions"))
    short = {"attribution.window": "1h"}
    report = run(settings, RunRequest("core.play_attributions", D1, D2, parameters=short, experiment="short"))
    table = lake.table("core.play_attributions")
    assert refs.head(table) == main
    rows = table.scan(snapshot_id=refs.head(table, "experiment_short"), row_filter="play_id = 'p40'").to_arrow()
    assert rows["event_id"].to_pylist() == [None]
    assert report.verdicts
    assert not any(verdict.blocks for verdict in report.verdicts)


def test_a_parameter_outside_an_experiment_is_refused() -> None:
    with pytest.raises(UsageError, match="experiment only"):
        RunRequest("core.play_attributions", D1, D1, parameters={"attribution.window": "40d"})


@pytest.mark.concurrent
def test_two_runs_of_one_key_at_once_end_with_the_right_rows(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    lake.ensure("core.plays")
    with ThreadPoolExecutor(2) as workers:
        requests = [RunRequest("core.plays", D1, D1, attempt=name) for name in ("a", "b")]
        reports = list(workers.map(lambda request: run(settings, request), requests))
    assert ids(lake, "core.plays", "play_id") == ["o1", "p1"]
    assert len({report.snapshot_id for report in reports}) == 2
    assert [name for name in lake.table("core.plays").metadata.refs if name.startswith("audit_")] == []


@pytest.mark.slow
@pytest.mark.concurrent
def test_a_publication_that_went_stale_is_written_and_audited_again(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    ours = write(settings, RunRequest("core.plays", D1, D1, attempt="ours"))
    identity = ours.publication_id or ""
    audit(settings, "core.plays", identity)
    land(lake, "raw.plays", [raw_play(D1, "late")], seq=2, close=False)
    run(settings, RunRequest("core.plays", D1, D1, attempt="theirs"))
    assert publish(settings, "core.plays", identity).publication_id == identity
    assert ids(lake, "core.plays", "play_id") == ["late", "o1", "p1"]


@pytest.mark.slow
@pytest.mark.concurrent
def test_days_that_are_published_at_the_same_time_do_not_hinder_each_other(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1, D2, D3)
    lake.ensure("core.plays")
    with ThreadPoolExecutor(3) as workers:
        list(workers.map(lambda day: run(settings, RunRequest("core.plays", day, day)), (D1, D2, D3)))
    assert ids(lake, "core.plays", "play_id") == ["o1", "o2", "o3", "p1", "p2", "p3"]


@pytest.mark.slow
@pytest.mark.embedded
def test_a_run_opens_only_files_of_the_days_it_reads(settings: Settings) -> None:
    lake = Lake.open(settings)
    land(lake, "raw.impressions", [raw_impression(D1), raw_impression(D2, "e2")])
    run(settings, RunRequest("core.impressions", D1, D1))
    table = lake.table("raw.impressions")
    other = next(task.file for task in table.scan(row_filter=f"event_day = '{D2}'").plan_files())
    Path(other.file_path.removeprefix("file://")).unlink()
    run(settings, RunRequest("core.impressions", D1, D1))
    assert ids(lake, "core.impressions", "event_id") == ["e1"]


@pytest.mark.sail
def test_a_published_day_is_audited_again_on_what_it_had_read(settings: Settings) -> None:
    land_days(Lake.open(settings), D1)
    run(settings, RunRequest("core.plays", D1, D1))
    verdicts = audit_published(settings, "core.plays", D1)
    assert {verdict.verdict for verdict in verdicts} - {"insufficient"} == {"pass"}


@pytest.mark.parametrize("engine", ["sail", pytest.param("spark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("held", [True, False])
def test_a_pin_that_expires_while_a_run_derives_is_held_or_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, engine: str, held: bool
) -> None:
    settings = settings.model_copy(update={"engine": engine})
    lake = Lake.open(settings)
    land_days(lake, D1)
    derive = steps.derive

    def derive_late(lake: Lake, planned: Plan) -> None:
        land(lake, "raw.plays", [raw_play(D1, "later")], seq=9, close=False)
        if not held:
            release(lake, planned.run.publication_id, planned.run.pinned)
        now = stamp() + (timedelta(hours=40) if held else timedelta(days=20))
        monkeypatch.setattr(retention, "_streamed", lambda table: (set(refs.ancestry(table)), {}))
        expire(lake, plan_expiry(lake, "raw.plays", now))
        derive(lake, planned)

    monkeypatch.setattr(steps, "derive", derive_late)
    if not held:
        with pytest.raises(SnapshotGoneError, match=r"raw\.plays has expired"):
            run(settings, RunRequest("core.plays", D1, D1))
        return
    run(settings, RunRequest("core.plays", D1, D1))
    assert ids(lake, "core.plays", "play_id") == ["o1", "p1"]
    assert set(lake.table("raw.plays").metadata.refs) == {"main"}
