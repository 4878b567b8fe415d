"""Retirement: a dataset that nobody reads goes for good, with its live table; a dataset with a reader stays."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, core_play, land_days, make_lake, prepare

from matinee.cli.main import main
from matinee.contracts.registry import Registry
from matinee.errors import (
    CommitConflictError,
    LandingRefusedError,
    LeaseHeldError,
    MissingTableError,
    RetiredError,
    StillReadError,
    UsageError,
)
from matinee.landing import batches
from matinee.landing.ingest import close_through, ingest
from matinee.ledger import pins
from matinee.ledger.ledger import history
from matinee.ledger.pinned_sets import hold
from matinee.live.catch_up import update_live
from matinee.maintenance import backup as backups
from matinee.maintenance.restoration import restore
from matinee.maintenance.retirement import readers, retire
from matinee.publication.move import drop_branches, move_to_main
from matinee.settings import Settings
from matinee.sources.kafka.topics import topics
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import RETIREMENTS, retirements
from matinee.table.landings import LANDINGS
from matinee.table.leases.lease import hold as hold_lease
from matinee.table.registers import read_rows

RAW, SEARCHES, OUTCOMES, LIVE = "raw.searches", "core.searches", "core.impression_plays", "core.impression_plays_live"
NOW, UNTIL = datetime(2026, 3, 10, tzinfo=UTC), date(2099, 1, 1)
Retire = Callable[[str], None]


def without_features(settings: Settings, folder: Path) -> Settings:
    """Settings whose datasets are the shipped ones, but for those that are made from `OUTCOMES`."""
    sql = shutil.copytree(settings.sql_dir, folder / "sql", ignore=shutil.ignore_patterns("features"))
    return settings.model_copy(update={"sql_dir": sql})


def with_searches(settings: Settings, folder: Path) -> Settings:
    """Settings that have `raw.searches` and `core.searches` beside the shipped datasets; one has a live table."""
    settings = without_features(settings, folder)
    other = settings.sql_dir / "core" / "play_attributions" / "contract.odcs.yaml"
    other.write_text(other.read_text().replace("  - property: live\n    value: true\n", ""))
    shutil.copytree(Path(__file__).parents[2] / "integration" / "searches", settings.sql_dir, dirs_exist_ok=True)
    return settings


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(with_searches(make_lake(tmp_path / "home").settings, tmp_path))


def land(lake: Lake, folder: Path) -> Path:
    line = {"search_id": "s1", "account_id": "ana", "query": "q", "searched_at": "2026-03-01T12:00:00Z", "took_s": 1}
    file = folder / "searches-1.jsonl"
    file.write_text(json.dumps(line) + "\n")
    ingest(lake.settings, None, [file], NOW)
    return file


def publish(lake: Lake, dataset: str) -> None:
    run = prepare(lake, dataset, D1, [])
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(dataset), run)


def folder_of(lake: Lake, dataset: str) -> Path:
    return Path(lake.location(dataset).removeprefix("file://"))


def retired(lake: Lake, dataset: str, *left_out: str) -> None:
    """Retire a dataset whose readers are left out of the registry: its contract stays declared."""
    alone = {name: contract for name, contract in lake.registry.contracts.items() if name not in left_out}
    retire(replace(lake, registry=Registry(alone)), dataset, "replaced", "ben")


def who(lake: Lake, dataset: str) -> list[str]:
    return [reader.who for reader in readers(lake, dataset, NOW)]


def test_a_dataset_that_nobody_reads_goes_with_its_live_table_and_files(lake: Lake) -> None:
    publish(lake, OUTCOMES)
    lake.ensure(LIVE)
    done = retire(lake, OUTCOMES, "replaced", "me")
    assert done.tables == (LIVE, OUTCOMES)
    assert [lake.exists(name) or folder_of(lake, name).exists() for name in (LIVE, OUTCOMES)] == [False, False]
    told = {(record.dataset, record.state, record.why, record.holder) for record in retirements(lake).values()}
    assert told == {(name, "DONE", "replaced", "me") for name in (LIVE, OUTCOMES)}
    assert len(history(lake, OUTCOMES).all()) == 1


def test_a_dataset_whose_live_table_is_updated_with_another_one_stays(tmp_path: Path) -> None:
    lake = Lake.open(without_features(make_lake(tmp_path / "home").settings, tmp_path))
    publish(lake, OUTCOMES)
    assert who(lake, OUTCOMES) == ["the live table of core.play_attributions is updated together with its own"]
    with pytest.raises(StillReadError, match=r"Pause the stream, take `live` out of the contract of core\.play_attr"):
        retire(lake, OUTCOMES, "replaced", "me")
    assert lake.exists(OUTCOMES)


def test_a_dataset_without_a_live_table_goes_whatever_follows_others(lake: Lake) -> None:
    followed = replace(lake.registry.get(OUTCOMES), transform="nobody_follows")
    other = replace(lake, registry=Registry({**lake.registry.contracts, OUTCOMES: followed}))
    assert who(other, "raw.searches") == ["the contract of core.searches reads it"]


def test_a_second_retirement_changes_nothing(lake: Lake) -> None:
    publish(lake, OUTCOMES)
    first = retire(lake, OUTCOMES, "replaced", "me")
    again = retire(lake, OUTCOMES, "another reason", "you")
    assert (again.tables, again.since) == ((), first.since)
    assert len(lake.table(RETIREMENTS).scan().to_arrow()) == 2


def test_an_input_of_a_contract_is_not_retired_before_that_is(lake: Lake, tmp_path: Path) -> None:
    land(lake, tmp_path)
    publish(lake, SEARCHES)
    with pytest.raises(StillReadError, match=r"the contract of core\.searches reads it") as refusal:
        retire(lake, RAW, "replaced", "me")
    assert refusal.value.next_step.startswith("Retire core.searches first")
    assert retirements(lake) == {}
    retire(lake, SEARCHES, "replaced", "me")
    assert retire(lake, RAW, "replaced", "me").tables == (RAW,)


def test_pinned_sets_runs_and_branches_at_work_are_readers(lake: Lake) -> None:
    publish(lake, OUTCOMES)
    head = refs.head(lake.table(OUTCOMES))
    pinned = hold(lake, {OUTCOMES: head}, UNTIL, "model 7", "ben")
    pins.hold(lake, "features_1", {OUTCOMES: head})
    work = prepare(lake, OUTCOMES, D1, [])
    assert who(lake, OUTCOMES) == [
        f"the pinned set {pinned.pin_id} of ben (model 7) holds it until {UNTIL}",
        "the run features_1 reads it",
        f"the branch {work.branch} of {OUTCOMES} is at work",
    ]
    with pytest.raises(StillReadError, match="model 7"):
        retire(lake, OUTCOMES, "replaced", "me")
    assert lake.exists(OUTCOMES)


def test_a_batch_that_is_prepared_is_a_reader(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_complete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        land(lake, tmp_path)
    [batch] = batches.prepared(lake, RAW)
    assert f"the batch {batch.batch_id} is prepared and has not landed" in who(lake, RAW)


def test_nothing_is_retired_while_files_are_landed(lake: Lake, tmp_path: Path) -> None:
    land(lake, tmp_path)
    with hold_lease(lake, RAW, batches.LEASE, "another/1/1"), pytest.raises(LeaseHeldError):
        retire(lake, RAW, "replaced", "me")


def test_who_comes_after_the_record_is_met_before_a_table_goes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(lake, OUTCOMES)
    monkeypatch.setattr("matinee.faults.reach", lambda _: pins.hold(lake, "late", {OUTCOMES: refs.head(table)}))
    table = lake.table(OUTCOMES)
    with pytest.raises(StillReadError, match="the run late reads it"):
        retire(lake, OUTCOMES, "replaced", "me")
    assert lake.exists(OUTCOMES)


def test_files_of_a_retired_dataset_are_refused_and_not_passed_over(lake: Lake, tmp_path: Path) -> None:
    file = land(lake, tmp_path)
    retired(lake, RAW, SEARCHES)
    with pytest.raises(RetiredError, match=r"raw\.searches was retired by ben on .* \(replaced\)"):
        ingest(lake.settings, None, [file], NOW)
    with pytest.raises(RetiredError, match="no table of that name is made again"):
        lake.ensure(RAW)
    assert not folder_of(lake, RAW).exists()


def test_files_of_a_retired_dataset_do_not_keep_others_from_landing(lake: Lake, tmp_path: Path) -> None:
    searches = [land(lake, tmp_path), tmp_path / "searches-2.jsonl"]
    searches[1].write_text("{}\n")
    retired(lake, RAW, SEARCHES)
    (tmp_path / "plays-1.jsonl").write_text("{}\n")
    (tmp_path / "impressions-1.jsonl").write_text("{}\n")
    with pytest.raises(
        LandingRefusedError, match=r"^2 of 4 files were refused: raw\.searches was retired by ben"
    ) as told:
        ingest(lake.settings, None, [tmp_path / "*.jsonl"], NOW)
    assert told.value.facts == {"files": RAW}
    landed = {row["dataset"] for row in read_rows(lake, LANDINGS)}
    assert landed == {RAW, "raw.impressions", "raw.plays"}


def test_days_are_closed_though_the_contract_of_a_retired_dataset_is_left(lake: Lake, tmp_path: Path) -> None:
    land(lake, tmp_path)
    land_days(lake, D1)
    retired(lake, RAW, SEARCHES)
    closed = close_through(lake.settings, None, D2, NOW)
    assert {manifest.dataset for manifest in closed} == {"raw.impressions", "raw.plays"}


def test_the_stream_passes_over_what_was_retired(lake: Lake) -> None:
    lake.ensure("raw.plays")
    for dataset in (OUTCOMES, LIVE):
        lake.ensure(dataset)
    assert "plays" in topics(lake)
    retired(lake, OUTCOMES)
    assert update_live(lake, None) == 0  # type: ignore[arg-type] - no group is left
    retired(lake, "raw.plays", "core.plays", "core.play_attributions", "core.play_attributions_live")
    assert set(topics(lake)) == {"impressions", "web.searches"}


def test_a_commit_of_who_had_the_table_open_is_refused(lake: Lake) -> None:
    table = lake.ensure(SEARCHES)
    retire(lake, SEARCHES, "replaced", "me")
    with pytest.raises(CommitConflictError):
        refs.create_branch(table, "late", refs.head(table))
    assert not lake.exists(SEARCHES)


@pytest.mark.parametrize(
    ("dataset", "words"), [("ops.heals", "is a register table"), (LIVE, "is a live table"), ("raw.quarantine", "is a")]
)
def test_registers_and_live_tables_are_not_retired_by_themselves(lake: Lake, dataset: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        retire(lake, dataset, "replaced", "me")


def test_a_dataset_without_a_table_is_not_retired(lake: Lake) -> None:
    with pytest.raises(MissingTableError):
        retire(lake, SEARCHES, "replaced", "me")
    assert retirements(lake) == {}


def test_a_backup_from_before_does_not_bring_it_back(lake: Lake, tmp_path: Path) -> None:
    publish(lake, OUTCOMES)
    backup = backups.take(lake, NOW)
    retire(lake, OUTCOMES, "replaced", "me")
    for file in lake.settings.home.glob("catalog.db*"):
        file.unlink()
    restored = {table.dataset for table in restore(Lake.open_any(lake.settings), backup)}
    assert RETIREMENTS in restored
    assert OUTCOMES not in restored
    assert retirements(Lake.open(lake.settings))[OUTCOMES].is_done


def test_it_goes_on_every_catalog(any_catalog: Settings, tmp_path: Path) -> None:
    lake = Lake.open(with_searches(any_catalog, tmp_path))
    lake.ensure(SEARCHES)
    assert retire(lake, SEARCHES, "replaced", "me").tables == (SEARCHES,)
    assert not lake.exists(SEARCHES)
    assert retire(lake, SEARCHES, "replaced", "me").tables == ()
    with pytest.raises(RetiredError):
        lake.ensure(SEARCHES)


@pytest.fixture
def command(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Retire:
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    monkeypatch.setenv("MATINEE_SQL_DIR", str(lake.settings.sql_dir))
    return lambda words: main(["dataset", "retire", *words.split(), "--reason", "replaced", "--output", "json"])


def test_the_command_lists_readers_then_drops_then_says_that_it_did(
    lake: Lake, command: Retire, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    land(lake, tmp_path)
    lake.ensure(SEARCHES)
    capsys.readouterr()
    command(f"{RAW} --dry-run")
    [reader] = json.loads(capsys.readouterr().out)
    assert reader["who"] == "the contract of core.searches reads it"
    with pytest.raises(SystemExit) as refused:
        command(RAW)
    assert refused.value.code == 1
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "StillReadError"
    command(SEARCHES)
    done = json.loads(capsys.readouterr().out)
    assert (done["state"], done["dropped"]) == ("retired", [SEARCHES])
    command(SEARCHES)
    assert json.loads(capsys.readouterr().out)["state"] == "was retired before; nothing was changed"


def test_the_rows_of_published_days_stay_where_they_are_pinned_elsewhere(lake: Lake) -> None:
    run = prepare(lake, "core.plays", D1, [core_play(D1)])
    move_to_main(lake, run, lambda _: ())
    publish(lake, OUTCOMES)
    retire(lake, OUTCOMES, "replaced", "me")
    assert len(lake.table("core.plays").scan().to_arrow()) == 1
