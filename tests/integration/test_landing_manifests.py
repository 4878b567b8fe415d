"""Landed manifests and `close_through`: what is declared of the days of raw datasets. No Spark."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyiceberg.table import Table
from tests.support.lakes import D1, D2, D3, arrow, at, core_play, land, make_lake, prepare, raw_play

from matinee.days import end_of
from matinee.errors import LandingRefusedError, UsageError
from matinee.landing import declarations
from matinee.landing.declarations import begin
from matinee.landing.ingest import close_through, ingest
from matinee.publication.move import move_to_main
from matinee.table import registers
from matinee.table.catalog import Lake
from matinee.validity.manifests import MANIFESTS, Manifest, declare, declared
from matinee.validity.validity import Validity

LANDED = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def manifest(folder: Path, name: str, *rows: tuple[str, date, int, bool]) -> Path:
    path = folder / name
    names = ("dataset", "day", "expected_rows", "closed")
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n" for row in rows))
    return path


def held(lake: Lake) -> dict[tuple[str, date], tuple[int, bool]]:
    return {key: (declaration.expected_rows, declaration.closed) for key, declaration in declared(lake).items()}


def rows(lake: Lake) -> int:
    return lake.table(MANIFESTS).scan().to_arrow().num_rows


def test_a_landed_manifest_declares_its_days(lake: Lake, tmp_path: Path) -> None:
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True), ("raw.impressions", D1, 9, False))
    [report] = ingest(lake.settings, None, [path], LANDED)
    assert held(lake) == {("raw.plays", D1): (5, True), ("raw.impressions", D1): (9, False)}
    assert (report.dataset, report.rows.out, report.days) == (MANIFESTS, 2, (D1,))
    assert declared(lake)["raw.plays", D1].file == str(path)


def test_the_newer_manifest_of_a_day_holds(lake: Lake, tmp_path: Path) -> None:
    manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))
    manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 3, True))
    ingest(lake.settings, None, [tmp_path], LANDED)
    assert held(lake) == {("raw.plays", D1): (3, True)}


def test_the_same_manifests_landed_again_add_nothing_and_change_nothing(lake: Lake, tmp_path: Path) -> None:
    manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))
    manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 3, True))
    ingest(lake.settings, None, [tmp_path], LANDED)
    again = ingest(lake.settings, None, [tmp_path], LANDED)
    assert [report.details["already"] for report in again] == ["yes", "yes"]
    assert rows(lake) == 2
    assert held(lake) == {("raw.plays", D1): (3, True)}


def test_a_manifest_that_says_what_holds_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    ingest(lake.settings, None, [manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))], LANDED)
    other = manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 5, True), ("raw.plays", D2, 1, True))
    ingest(lake.settings, None, [other], LANDED)
    assert rows(lake) == 2


def test_a_malformed_manifest_is_refused_whole_with_file_and_line(lake: Lake, tmp_path: Path) -> None:
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True), ("raw.plays", D2, -1, True))
    with pytest.raises(LandingRefusedError, match=r"manifest-1.json:2 is no declaration of a day: expected_rows"):
        ingest(lake.settings, None, [path], LANDED)
    assert not lake.exists(MANIFESTS)


def test_what_an_older_version_declared_holds_and_the_table_goes_on(lake: Lake, tmp_path: Path) -> None:
    table = lake.ensure(MANIFESTS)
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("expected_distinct")
    row = {"dataset": "raw.plays", "day": D1, "expected_rows": 5, "closed": True, "file": "m", "landing_seq": 1}
    table.append(arrow(table, [row | {"received_ts": LANDED}]))
    assert held(lake) == {("raw.plays", D1): (5, True)}
    assert declared(lake)["raw.plays", D1].expected_distinct is None
    ingest(lake.settings, None, [manifest(tmp_path, "manifest-1.json", ("raw.plays", D2, 3, True))], LANDED)
    assert held(lake) == {("raw.plays", D1): (5, True), ("raw.plays", D2): (3, True)}


def land_all(lake: Lake, folder: Path) -> None:
    """Land all files of a folder, as is done every few minutes."""
    ingest(lake.settings, None, [folder], LANDED)


def test_a_correction_back_to_earlier_content_holds(lake: Lake, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    for name, expected in (("manifest-a.json", 1000), ("manifest-b.json", 900), ("manifest-c.json", 1000)):
        manifest(landing, name, ("raw.plays", D1, expected, True))
        land_all(lake, landing)
        land_all(lake, landing)
        assert held(lake) == {("raw.plays", D1): (expected, True)}
    assert rows(lake) == 3


def test_a_manifest_changed_in_place_and_back_is_declared_each_time(lake: Lake, tmp_path: Path) -> None:
    for expected in (1000, 900, 1000):
        manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, expected, True))
        land_all(lake, tmp_path)
        land_all(lake, tmp_path)
        assert held(lake) == {("raw.plays", D1): (expected, True)}


def test_a_manifest_that_changed_nothing_was_landed_all_the_same(lake: Lake, tmp_path: Path) -> None:
    manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 1000, True))
    land_all(lake, tmp_path)
    manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 1000, True))
    land_all(lake, tmp_path)
    manifest(tmp_path, "manifest-3.json", ("raw.plays", D1, 900, True))
    land_all(lake, tmp_path)
    land_all(lake, tmp_path)
    assert held(lake) == {("raw.plays", D1): (900, True)}


@pytest.mark.parametrize(
    ("day", "why", "next_step"),
    [
        (date(1970, 1, 1), "lies before the first day of the lake, 2026-03-01", "matinee lake begin 1970-01-01"),
        (date(2026, 3, 6), "lies beyond tomorrow, 2026-03-05", "when it has come"),
    ],
)
def test_a_manifest_of_a_day_that_cannot_be_is_refused(
    lake: Lake, tmp_path: Path, day: date, why: str, next_step: str
) -> None:
    ingest(lake.settings, None, [manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))], LANDED)
    path = manifest(tmp_path, "manifest-2.json", ("raw.plays", D2, 5, True), ("raw.plays", day, 0, True))
    with pytest.raises(LandingRefusedError, match=f"it declares {day}, which {why}") as refusal:
        ingest(lake.settings, None, [path], LANDED)
    assert next_step in refusal.value.next_step
    assert held(lake) == {("raw.plays", D1): (5, True)}


def test_the_first_manifest_of_a_lake_cannot_begin_it_at_a_stray_day(lake: Lake, tmp_path: Path) -> None:
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", date(2001, 1, 1), 0, True), ("raw.plays", D1, 5, True))
    with pytest.raises(LandingRefusedError, match="2001-01-01, which lies before the first day of the lake"):
        ingest(lake.settings, None, [path], LANDED)
    only = manifest(tmp_path, "manifest-2.json", ("raw.plays", date(1970, 1, 1), 0, True))
    with pytest.raises(LandingRefusedError, match="1970-01-01, which has no events"):
        ingest(lake.settings, None, [only], LANDED)


def test_days_beyond_tomorrow_cannot_be_closed(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)], close=False)
    with pytest.raises(UsageError, match="2026-03-06 cannot be closed: it lies beyond tomorrow, 2026-03-05"):
        close_through(lake.settings, "raw.plays", date(2026, 3, 6), LANDED)


def test_closing_does_not_begin_the_lake_at_the_day_of_a_wrong_clock(lake: Lake) -> None:
    strays = [raw_play(date(2001, 1, 1), "x"), raw_play(D1 - timedelta(days=9), "y")]
    land(lake, "raw.plays", [*strays, raw_play(D1), raw_play(D3)], close=False)
    closed = close_through(lake.settings, None, D3, LANDED)
    assert {closing.day for closing in closed} == {D1, D2, D3}
    assert Validity(lake).valid_from == D1


def test_closing_goes_on_after_a_silence_that_is_longer_than_a_week(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(date(2026, 2, 1))], close=False)
    close_through(lake.settings, "raw.plays", date(2026, 2, 2), LANDED)
    closed = close_through(lake.settings, "raw.plays", D1, LANDED)
    assert [closing.day for closing in closed] == [date(2026, 2, 3) + timedelta(days=days) for days in range(27)]


def test_a_lake_that_begins_earlier_is_open_until_its_history_is_closed(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D2), raw_play(D3)])
    earlier = D1 - timedelta(days=30)
    assert Validity(lake).vtts("raw.plays").vtts == end_of(D3)
    assert begin(lake, earlier, LANDED) == D2
    reached = Validity(lake).vtts("raw.plays")
    assert (reached.vtts, reached.held_by and (reached.held_by.kind, reached.held_by.day)) == (None, ("open", earlier))
    land(lake, "raw.plays", [raw_play(earlier)], seq=2, close=False)
    close_through(lake.settings, "raw.plays", D3, LANDED)
    assert Validity(lake).vtts("raw.plays").vtts is None  # The days between have not landed: nobody may close them.
    close_through(lake.settings, "raw.plays", D1, LANDED)
    assert Validity(lake).vtts("raw.plays").vtts == end_of(D3)


def test_the_last_word_on_where_the_lake_begins_holds(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D2)])
    for day in (date(2001, 1, 1), D1):
        begin(lake, day, LANDED)
        assert Validity(lake).valid_from == day


def test_no_published_day_slips_before_the_first_day_of_the_lake(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)])
    move_to_main(lake, prepare(lake, "core.plays", D1, [core_play(D1)]), lambda _: ())
    with pytest.raises(UsageError, match="2026-03-01 was published already"):
        begin(lake, D2, LANDED)


@pytest.mark.parametrize(
    ("day", "why"),
    [(date(1999, 1, 1), "events before 2000-01-01 are not taken"), (date(2027, 1, 1), "beyond tomorrow")],
)
def test_a_lake_begins_where_events_are_taken(lake: Lake, day: date, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        begin(lake, day, LANDED)


def test_where_the_settings_say_where_the_lake_begins_nobody_else_does(lake: Lake) -> None:
    told = replace(lake, settings=lake.settings.model_copy(update={"valid_from": D2}))
    with pytest.raises(UsageError, match="MATINEE_VALID_FROM says 2026-03-02"):
        begin(told, D1, LANDED)


def test_closing_declares_the_landed_rows_of_each_day_from_the_first(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1), raw_play(D1, "p2"), raw_play(D3)], close=False)
    closed = close_through(lake.settings, "raw.plays", D3, LANDED)
    assert [(closing.day, closing.expected_rows, closing.received_ts) for closing in closed] == [
        (D1, 2, LANDED),
        (D2, 0, LANDED),
        (D3, 1, LANDED),
    ]
    assert held(lake) == {("raw.plays", D1): (2, True), ("raw.plays", D2): (0, True), ("raw.plays", D3): (1, True)}


def test_closing_all_datasets_closes_the_same_days_of_each(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D2)], close=False)
    close_through(lake.settings, None, D3, LANDED)
    assert held(lake) == {
        ("raw.impressions", D2): (0, True),
        ("raw.impressions", D3): (0, True),
        ("raw.plays", D2): (1, True),
        ("raw.plays", D3): (0, True),
    }
    assert lake.exists("raw.impressions")


def test_closing_again_declares_only_the_days_that_changed(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)], close=False)
    close_through(lake.settings, "raw.plays", D2, LANDED)
    land(lake, "raw.plays", [raw_play(D2, "p2")], seq=2, close=False)
    closed = close_through(lake.settings, "raw.plays", D2, at(D3))
    assert [(closing.day, closing.expected_rows) for closing in closed] == [(D2, 2)]


def test_a_day_before_the_first_landed_one_cannot_be_closed(lake: Lake) -> None:
    with pytest.raises(UsageError, match="nothing was landed yet"):
        close_through(lake.settings, None, D1, LANDED)
    land(lake, "raw.plays", [raw_play(D2)], close=False)
    with pytest.raises(UsageError, match="the first landed day is 2026-03-02"):
        close_through(lake.settings, "raw.plays", D1, LANDED)


def test_a_manifest_that_was_cut_off_undoes_no_later_declaration(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    land(lake, "raw.plays", [raw_play(D1)], close=False)
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))
    with monkeypatch.context() as patch:
        patch.setattr(declarations, "register", die)
        with pytest.raises(KeyboardInterrupt):
            ingest(lake.settings, None, [path], LANDED)
    close_through(lake.settings, "raw.plays", D1, LANDED)
    ingest(lake.settings, None, [path], LANDED)
    assert held(lake) == {("raw.plays", D1): (1, True)}


def test_of_two_who_declare_at_once_the_later_commit_holds(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = registers.append_rows

    def race(into: Lake, dataset: str, wanted: Iterable[Mapping[str, object]], *, onto: Table) -> None:
        monkeypatch.setattr(registers, "append_rows", plain)
        declare(lake, [Manifest("raw.plays", D1, 5, True, "f", LANDED + timedelta(hours=1))])
        plain(into, dataset, wanted, onto=onto)

    lake.ensure(MANIFESTS)
    monkeypatch.setattr(registers, "append_rows", race)
    declare(lake, [Manifest("raw.plays", D1, 3, True, None, LANDED)])
    assert held(lake) == {("raw.plays", D1): (3, True)}


def test_no_landing_time_of_the_future_is_taken(lake: Lake) -> None:
    with pytest.raises(UsageError, match="lies in the future"):
        close_through(lake.settings, "raw.plays", date(2026, 3, 1), datetime(2099, 1, 1, tzinfo=UTC))
