"""Rows that change under the same generation: the day stays valid, its readers are outdated and healed cell by cell."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.integration.test_worked_example import snippet
from tests.support.lakes import D1, D2, at, close_days, land, land_days, raw_impression, raw_play

from matinee.errors import InputsNotValidError
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history
from matinee.ledger.model import Publication
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

JOINED, TITLES = "core.impression_plays", "features.title_daily"
CHAIN = ("core.impressions", "core.plays", "core.play_attributions", JOINED)
LATE = timedelta(hours=23, minutes=50)


def example(tmp_path: Path, waits_for: str = "valid") -> Settings:
    """Settings of a lake with the dataset of sql/README.md; no JVM."""
    settings = load_settings(home=tmp_path / "home", catalog="embedded", engine="sail", spark_remote=None)
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    folder = sql / "features" / "title_daily"
    (folder / "audits").mkdir(parents=True)
    named = f"alias: impression_plays, waits_for: {waits_for}"
    (folder / "contract.odcs.yaml").write_text(snippet("contract").replace("alias: impression_plays", named))
    (folder / "transform.sql").write_text(snippet("transform"))
    (folder / "audits" / "title_never_shown.sql").write_text(snippet("audit"))
    return settings.model_copy(update={"sql_dir": sql})


def over_midnight(settings: Settings) -> None:
    """Land ten impressions at 23:50 of the first day, each played at 00:10 of the second."""
    lake = Lake.open(settings)
    shown = [raw_impression(D1, f"e{n}", title_id=f"t{n}", event_ts=at(D1, LATE)) for n in range(10)]
    played = [
        raw_play(D2, f"p{n}", title_id=f"t{n}", start_ts=at(D2, timedelta(minutes=10)), event_day=D2) for n in range(10)
    ]
    land(lake, "raw.impressions", shown)
    land(lake, "raw.plays", played)
    close_days(lake, "raw.impressions", {D2: 0})
    close_days(lake, "raw.plays", {D1: 0})


def publish(settings: Settings, day: date, *datasets: str) -> None:
    for dataset in datasets or (*CHAIN, TITLES):
        run(settings, RunRequest(dataset, day, day))


def newest(settings: Settings, dataset: str, day: date = D1) -> Publication:
    publication = history(Lake.open(settings), dataset).newest(day)
    assert publication is not None
    return publication


def taken(settings: Settings) -> int:
    rows = Lake.open(settings).table(TITLES).scan(row_filter=f"event_day = '{D1}'").to_arrow()
    return sum(rows["taken"].to_pylist())


def stale(settings: Settings) -> list[tuple[str, date, str]]:
    return [(stale_day.dataset, stale_day.day, stale_day.cause) for stale_day in stale_days(Lake.open(settings))]


@pytest.mark.slow
def test_labels_that_mature_leave_their_readers_valid_outdated_and_healed(tmp_path: Path) -> None:
    settings = example(tmp_path)
    over_midnight(settings)
    publish(settings, D1)
    assert taken(settings) == 0
    before = newest(settings, JOINED)
    publish(settings, D2, *CHAIN)
    after = newest(settings, JOINED)
    assert after.generation == before.generation
    assert after.stamp != before.stamp
    assert Validity(Lake.open(settings)).status(TITLES, D1).valid
    rows = f"other rows ({(before.stamp or '')[:6]} ▸ {(after.stamp or '')[:6]})"
    cause = f"{JOINED} {D1} holds {rows} under generation 1 (outdated, still valid)"
    assert stale(settings) == [(TITLES, D1, cause)]
    run(settings, RunRequest(TITLES, D1, D1, heal=True))
    assert (taken(settings), newest(settings, TITLES).generation) == (10, 1)
    assert stale(settings) == []


def test_a_day_that_is_derived_again_to_the_same_rows_makes_no_work(tmp_path: Path) -> None:
    settings = example(tmp_path)
    over_midnight(settings)
    publish(settings, D1)
    before = newest(settings, JOINED)
    publish(settings, D1, JOINED)
    assert newest(settings, JOINED).publication_id != before.publication_id
    assert newest(settings, JOINED).stamp == before.stamp
    assert stale(settings) == []


def test_a_publication_without_a_stamp_counts_as_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.ledger import model as module

    settings = example(tmp_path)
    over_midnight(settings)
    with monkeypatch.context() as patch:
        patch.setattr(module, "stamps_text", lambda _: None)
        publish(settings, D1)
    publish(settings, D2, *CHAIN)
    assert stale(settings) == []
    assert Validity(Lake.open(settings)).status(TITLES, D1).valid


def test_a_reader_may_wait_until_labels_are_mature(tmp_path: Path) -> None:
    settings = example(tmp_path, waits_for="mature")
    over_midnight(settings)
    publish(settings, D1, *CHAIN)
    with pytest.raises(InputsNotValidError, match=f"reads {JOINED} {D1}, which is not mature"):
        run(settings, RunRequest(TITLES, D1, D1))
    publish(settings, D2, *CHAIN)
    publish(settings, D1, TITLES)
    assert taken(settings) == 10


@pytest.mark.spark
@pytest.mark.embedded
def test_both_engines_stamp_the_same_rows_alike(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    stamps = []
    for engine in ("spark", "sail"):
        chosen = settings.model_copy(update={"engine": engine})
        for dataset in CHAIN:
            run(chosen, RunRequest(dataset, D1, D2))
        stamps.append({dataset: newest(chosen, dataset).stamps for dataset in CHAIN})
    assert stamps[0] == stamps[1]
    assert all(len(set(hashes.values())) > 1 for hashes in stamps[0].values())
