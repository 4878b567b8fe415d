"""Healing derives only the cells that late rows change, and the tables equal a full recompute."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.lakes import D1, D2, D3, NOON, at, land, land_days, raw_impression, raw_play

from matinee.contracts.model import Contract
from matinee.errors import AuditFailedError, InputsNotValidError, UsageError, WithdrawnError
from matinee.healing import healer
from matinee.healing.forecast import forecast
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication import changed_buckets, deriving, steps
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.files import data_files
from matinee.transforms import TransformContext
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")
MINUTE = timedelta(minutes=1)


def publish(settings: Settings, days: Iterable[date] = (D1, D2, D3)) -> None:
    first, *_, last = list(days)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, first, last))


def heal(settings: Settings, days: Iterable[date] = (D1, D2, D3)) -> dict[tuple[str, date], tuple[int, ...] | None]:
    """Heal each day that is stale, in dependency order; return the buckets that were derived again."""
    buckets = {}
    for dataset in CHAIN:
        for day in days:
            run(settings, RunRequest(dataset, day, day, heal=True))
            newest = history(Lake.open(settings), dataset).newest(day)
            assert newest is not None
            buckets[dataset, day] = newest.run.buckets
    return buckets


def rows(settings: Settings) -> dict[str, list[str]]:
    lake = Lake.open(settings)
    return {name: sorted(map(str, lake.table(name).scan().to_arrow().to_pylist())) for name in CHAIN}


def paths(settings: Settings, dataset: str) -> dict[str, tuple[object, ...]]:
    table = Lake.open(settings).table(dataset)
    column = Lake.open(settings).registry.get(dataset).day_column or ""
    return {file.file_path: tuple(file.partition[i] for i in range(2)) for file in data_files(table, column)}


@pytest.fixture(params=[pytest.param("spark", marks=pytest.mark.slow), "sail"])
def engine(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": request.param})


def test_late_rows_change_only_their_cells_and_equal_a_full_recompute(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1, D2, D3)
    other = [raw_impression(day, f"b{day.day}", profile_id="b", title_id="tb") for day in (D1, D2, D3)]
    land(lake, "raw.impressions", other, seq=2, close=False)
    publish(engine)
    before = {name: paths(engine, name) for name in CHAIN}
    late = [raw_impression(D2, "late", profile_id="b", title_id="tb", event_ts=at(D2, NOON + MINUTE))]
    land(lake, "raw.impressions", late, seq=3, close=False)
    played = [raw_play(D3, "late", profile_id="b", title_id="tb", start_ts=at(D3, NOON - MINUTE))]
    land(lake, "raw.plays", played, seq=3, close=False)
    healed = heal(engine)
    (bucket,) = healed["core.impressions", D2] or ()
    assert healed["core.impressions", D1] == ()
    assert healed["core.plays", D3] == (bucket,)
    assert healed["core.play_attributions", D3] == (bucket,)
    assert healed["core.impression_plays", D2] == (bucket,)
    after = {name: paths(engine, name) for name in CHAIN}
    for name in CHAIN:
        kept = {path for path, (_, other) in before[name].items() if other != bucket}
        assert kept <= after[name].keys()
    healed_rows = rows(engine)
    assert all(Validity(lake).status("core.impression_plays", day).valid for day in (D1, D2))
    publish(engine)
    assert rows(engine) == healed_rows


@pytest.mark.slow
def test_a_late_duplicate_that_wins_moves_its_row_to_the_other_bucket(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1, D2)
    publish(engine, (D1, D2))
    earlier = raw_impression(D1, "e1", profile_id="b", title_id="t1", received_ts=at(D1, NOON - MINUTE))
    land(lake, "raw.impressions", [earlier], seq=3, close=False)
    healed = heal(engine, (D1, D2))
    assert len(healed["core.impressions", D1] or ()) == 2
    healed_rows = rows(engine)
    publish(engine, (D1, D2))
    assert rows(engine) == healed_rows


@pytest.mark.slow
def test_a_late_duplicate_that_loses_changes_nothing(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1)
    publish(engine, (D1, D1))
    later = raw_impression(D1, "e1", title_id="t1", received_ts=at(D1, NOON + MINUTE))
    land(lake, "raw.impressions", [later], seq=3, close=False)
    before = paths(engine, "core.impressions")
    assert heal(engine, (D1,))["core.impressions", D1] == ()
    assert paths(engine, "core.impressions") == before


@pytest.mark.slow
def test_a_row_that_lands_again_as_it_was_changes_nothing(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1)
    publish(engine, (D1, D1))
    land(lake, "raw.impressions", [raw_impression(D1, "e1", title_id="t1")], seq=3, close=False)
    assert heal(engine, (D1,))["core.impressions", D1] == ()


def land_one_id_of_two_profiles(lake: Lake) -> None:
    """Land and close D1 with `e1` of profile a, which sent it first, and of profile b in another bucket."""
    land_days(lake, D1)
    later = raw_impression(D1, "e1", profile_id="b", title_id="t1", received_ts=at(D1, NOON + MINUTE))
    land(lake, "raw.impressions", [later], seq=2, close=False)


LATE_OF_B = raw_impression(D1, "late", profile_id="b", title_id="tb", event_ts=at(D1, NOON))


@pytest.mark.slow
def test_a_row_of_a_healed_bucket_stays_beaten_by_one_of_another_bucket(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_one_id_of_two_profiles(lake)
    publish(engine, (D1, D1))
    land(lake, "raw.impressions", [LATE_OF_B], seq=3, close=False)
    assert len(heal(engine, (D1,))["core.impressions", D1] or ()) == 1
    healed_rows = rows(engine)
    publish(engine, (D1, D1))
    assert rows(engine) == healed_rows


def test_the_audits_of_a_heal_find_an_id_that_stands_in_another_bucket_too(
    engine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(engine)
    land_one_id_of_two_profiles(lake)
    publish(engine, (D1, D1))
    land(lake, "raw.impressions", [LATE_OF_B], seq=3, close=False)

    def of_profiles_only(events: "DataFrame", buckets: Collection[int], contract: Contract) -> "DataFrame":
        return events.where("profile_id = 'b'")

    monkeypatch.setattr(deriving, "rows_that_decide", of_profiles_only)
    with pytest.raises(AuditFailedError, match="unique_event_id"):
        heal(engine, (D1,))


@pytest.mark.slow
def test_the_audits_of_a_heal_find_a_late_row_of_a_skipped_bucket(
    engine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1)
    publish(engine, (D1, D1))
    land(lake, "raw.impressions", [LATE_OF_B], seq=3, close=False)
    seen = changed_buckets.changed_by_late

    def nothing(events: "DataFrame", landed_through: int, context: TransformContext) -> "DataFrame":
        return seen(events, landed_through, context).where("changes < 0")

    monkeypatch.setattr(changed_buckets, "changed_by_late", nothing)
    with pytest.raises(AuditFailedError, match=r"event_lost \(1 bad rows\)"):
        heal(engine, (D1,))


def test_one_call_heals_all_that_is_stale_and_a_second_finds_nothing(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1, D2, D3)
    publish(engine)
    assert list(stale_days(lake)) == []
    land(
        lake, "raw.plays", [raw_play(D2, "late", title_id="t2", start_ts=at(D2, NOON + 2 * MINUTE))], seq=3, close=False
    )
    assert [(stale_day.dataset, stale_day.day) for stale_day in stale_days(lake)] == [("core.plays", D2)]
    made = healer.apply(engine)
    assert [(decision.dataset, decision.day) for decision in made] == [
        ("core.plays", D2),
        ("core.play_attributions", D2),
        ("core.impression_plays", D1),
        ("core.impression_plays", D2),
    ]
    assert [decision.cells_changed for decision in made] == [1, 1, 0, 1]
    assert list(stale_days(lake)) == []
    healed_rows = rows(engine)
    publish(engine)
    assert rows(engine) == healed_rows


@pytest.mark.slow
def test_a_cell_that_came_out_as_it_was_is_not_passed_on(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1, D2, D3)
    publish(engine)
    unseen = raw_impression(D1, "late", title_id="never played", event_ts=at(D1, NOON))
    land(lake, "raw.impressions", [unseen], seq=3, close=False)
    made = healer.apply(engine)
    assert [(decision.dataset, decision.day, decision.cells_changed) for decision in made] == [
        ("core.impressions", D1, 1),
        ("core.play_attributions", D1, 0),
        ("core.play_attributions", D2, 0),
        ("core.impression_plays", D1, 1),
    ]
    before = history(lake, "core.play_attributions").newest(D2)
    assert before is not None
    assert before.generation == 1


def test_a_day_that_was_withdrawn_is_not_healed(settings: Settings) -> None:
    settings = settings.model_copy(update={"engine": "sail"})
    lake = Lake.open(settings)
    land_days(lake, D1)
    run(settings, RunRequest("core.plays", D1, D1))
    newest = history(lake, "core.plays").newest(D1)
    assert newest is not None
    request = RunRequest("core.plays", D1, D1, attempt="heal", heal=True)
    identity = steps.write(settings, request).publication_id or ""
    steps.audit(settings, "core.plays", identity)
    withdraw(lake, newest, "doubled starts")
    with pytest.raises(WithdrawnError, match=r"2026-03-01 was withdrawn after this run began \(doubled starts\)"):
        steps.publish(settings, "core.plays", identity)
    with pytest.raises(InputsNotValidError, match=r"2026-03-01 was withdrawn \(doubled starts\)"):
        run(settings, request)
    assert not Validity(lake).status("core.plays", D1).valid


def test_a_day_that_was_never_published_cannot_be_healed(settings: Settings) -> None:
    land_days(Lake.open(settings), D1)
    with pytest.raises(UsageError, match="was never published"):
        run(settings, RunRequest("core.plays", D1, D1, heal=True))


@pytest.mark.slow
def test_the_forecast_names_cells_and_rows_that_a_heal_may_rewrite(engine: Settings) -> None:
    lake = Lake.open(engine)
    land_days(lake, D1, D2, D3)
    publish(engine)
    assert forecast(lake) == []
    late = [raw_impression(D2, "late", title_id="t2", event_ts=at(D2, NOON))]
    land(lake, "raw.impressions", late, seq=3, close=False)
    planned = {(expected.dataset, expected.day): expected for expected in forecast(lake)}
    assert list(planned) == [
        ("core.impressions", D2),
        ("core.play_attributions", D2),
        ("core.play_attributions", D3),
        ("core.impression_plays", D1),
        ("core.impression_plays", D2),
    ]
    assert {expected.cells for expected in planned.values()} == {planned["core.impressions", D2].cells}
    assert (planned["core.play_attributions", D2].rows, planned["core.play_attributions", D2].rows_of_day) == (2, 2)
    made = healer.apply(engine)
    assert {(decision.dataset, decision.day) for decision in made} <= planned.keys()
