"""Bases by the ordinary cycle: in full or from the base before, equal to brute force whatever became of the tiles."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.features import DAY, Row, impression_ema
from tests.support.lakes import KeptLake
from tests.support.reference import bucket
from tests.support.tiles import BASES, TILES, noon, outcome, publish_tiles, tile_lake
from tests.support.weeks import withdraw_day

from matinee.errors import InputsNotValidError
from matinee.features import choice
from matinee.healing.healer import apply
from matinee.ledger.ledger import history
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.report import Report
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.removal import remove_snapshots
from matinee.validity.validity import Validity

#: A lake of more than a year, 2024-02-29 among its days, and two Sundays.
BEGIN, T0, T1 = date(2024, 2, 1), date(2025, 3, 2), date(2025, 3, 9)
#: The first days of the windows of T0 and T1.
FIRST0, FIRST1 = T0 - 364 * DAY, T1 - 364 * DAY
SHOWN = [
    outcome("leaves", noon(FIRST0), title_id="leaves"),
    outcome("goes", noon(FIRST0), title_id="stays", plays=1, watch_ms=7),
    outcome("stays", noon(FIRST1), title_id="stays"),
    outcome("before", noon(FIRST0 - DAY), title_id="never"),
    outcome("leap", noon(date(2024, 2, 29)), title_id="never"),
    outcome("last", noon(T0), title_id="restated"),
    outcome("first", noon(T0 - 30 * DAY), title_id="restated"),
    outcome("only", noon(T0 - 9 * DAY), title_id="only"),
    outcome("new", noon(T1), title_id="stays"),
    outcome("other", noon(T0), profile_id="b", row=9),
]


def fill(lake: Lake) -> None:
    publish_tiles(lake, BEGIN, T1, SHOWN)


@pytest.fixture(scope="module")
def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    return KeptLake(tmp_path_factory.mktemp("lake"), fill, lambda home: tile_lake(home, BEGIN))


@pytest.fixture
def lake(kept_lake: KeptLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with tiles and no base; to start from a base costs next to nothing in it."""
    monkeypatch.setattr(choice, "LOOK", 0)
    monkeypatch.setattr(choice, "FADE", 0)
    monkeypatch.setattr(choice, "AGAIN", 0)
    return kept_lake.begin()


def base(lake: Lake, day: date) -> Report:
    return run(lake.settings, RunRequest(BASES, day, day))


def rows(lake: Lake, day: date) -> list[Row]:
    held = Lake.open(lake.settings).table(BASES).scan(row_filter=f"as_of_day = '{day}'").to_arrow().to_pylist()
    return sorted(held, key=lambda row: (row["profile_id"], row["title_id"], row["location"]))


def expected(shown: list[Row], day: date) -> list[Row]:
    bases = sorted(impression_ema(shown, day), key=lambda row: (row["profile_id"], row["title_id"], row["location"]))
    return [
        {name: pytest.approx(row[name], rel=1e-9) if name[:4] == "ema_" else row[name] for name in row} for row in bases
    ]


def without(*events: str) -> list[Row]:
    return [row for row in SHOWN if row["event_id"] not in events]


def test_a_base_is_made_in_full_and_the_next_from_it(lake: Lake) -> None:
    assert base(lake, T0).details == {"way": "in full", "why": "no key before it is valid"}
    assert rows(lake, T0) == expected(SHOWN, T0)
    report = base(lake, T1)
    why = f"from {T0}: 2 input rows went and 1 came, of 6"
    assert report.details == {"way": "incremental", "why": why}
    assert rows(lake, T1) == expected(SHOWN, T1)
    newest = history(lake, BASES).newest(T1)
    assert newest is not None
    assert newest.run.previous is not None
    assert (newest.run.previous.day, len(newest.run.pin(TILES).days)) == (T0, 365)


def test_the_costs_that_were_measured_choose_the_way(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    base(lake, T0)
    monkeypatch.undo()
    report = base(lake, T1)
    assert report.details["way"] == "in full"
    assert str(report.details["why"]).startswith("6 rows of tiles cost less than 5 of the base before")
    assert rows(lake, T1) == expected(SHOWN, T1)


@pytest.mark.parametrize("gone", ["last", "only", "first"])
def test_a_restatement_that_removes_an_event_reaches_the_next_base(lake: Lake, gone: str) -> None:
    base(lake, T0)
    [day] = [row["event_day"] for row in SHOWN if row["event_id"] == gone]
    publish_tiles(lake, day, day, without(gone), generation=2)
    assert base(lake, T1).details["way"] == "incremental"
    assert rows(lake, T1) == expected(without(gone), T1)


def test_a_restated_tile_makes_a_base_outdated_and_a_heal_follows(lake: Lake) -> None:
    base(lake, T0)
    base(lake, T1)
    publish_tiles(lake, T0, T0, without("last"), generation=2, bucket=bucket("a"))
    assert Validity(lake).status(BASES, T0).valid
    assert Validity(lake).status(BASES, T1).valid
    healed = [(decision.day, decision.decision, decision.cells) for decision in apply(lake.settings)]
    assert healed == [(T1, "heal", 1)]
    assert rows(lake, T1) == expected(without("last"), T1)
    assert rows(lake, T0) == expected(SHOWN, T0)
    newest = history(lake, BASES).newest(T1)
    assert newest is not None
    assert (newest.run.way, len(newest.run.buckets or ())) == ("incremental", 1)


def test_a_withdrawn_tile_makes_every_base_that_holds_it_invalid(lake: Lake) -> None:
    base(lake, T0)
    withdraw_day(lake, TILES, T0 - 30 * DAY)
    reason = Validity(lake).status(BASES, T0).reason
    assert reason is not None
    assert (reason.kind, reason.root.kind) == ("input", "withdrawn")
    with pytest.raises(InputsNotValidError, match="withdrawn"):
        base(lake, T1)
    publish_tiles(lake, T0 - 30 * DAY, T0 - 30 * DAY, without("first"), generation=3)
    assert not Validity(lake).status(BASES, T0).valid
    assert base(lake, T1).details == {"way": "in full", "why": "no key before it is valid"}
    assert rows(lake, T1) == expected(without("first"), T1)


def test_a_base_whose_tiles_have_expired_is_no_start(lake: Lake) -> None:
    base(lake, T0)
    pinned = history(lake, BASES).newest(T0)
    assert pinned is not None
    snapshot_id = pinned.run.pin(TILES).snapshot_id
    publish_tiles(lake, T0, T0, without("last"), generation=2)
    remove_snapshots(lake, TILES, (snapshot_id,))
    report = base(lake, T1)
    why = f"what {T0} has read, snapshot {snapshot_id} of {TILES}, has expired"
    assert report.details == {"way": "in full", "why": why}
    assert rows(lake, T1) == expected(without("last"), T1)


def test_a_base_may_be_of_any_day_and_start_from_any_day_before(lake: Lake) -> None:
    base(lake, T0)
    thursday = T1 - 3 * DAY
    assert base(lake, thursday).details["way"] == "incremental"
    assert rows(lake, thursday) == expected(SHOWN, thursday)
    assert "from 2025-03-06" in str(base(lake, T1).details["why"])
    assert rows(lake, T1) == expected(SHOWN, T1)


@pytest.mark.parametrize("as_of", [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2025, 2, 27)])
def test_a_year_of_a_base_has_365_days_whatever_the_calendar(lake: Lake, as_of: date) -> None:
    base(lake, as_of)
    assert rows(lake, as_of) == expected(SHOWN, as_of)


@pytest.mark.spark
@pytest.mark.embedded
def test_both_engines_make_the_same_bases(lake: Lake, settings: Settings) -> None:
    made = []
    for engine in ("sail", "spark"):
        chosen = lake.settings.model_copy(update={"engine": engine, "spark_remote": settings.spark_remote})
        for day in (T0, T1):
            report = run(chosen, RunRequest(BASES, day, day))
        newest = history(lake, BASES).newest(T1)
        assert newest is not None
        assert report.details["way"] == "incremental"
        made.append((newest.stamps, rows(lake, T1)))
    (stamps, ours), (others, theirs) = made
    assert stamps == others
    averages = [name for name in ours[0] if name[:4] == "ema_"]
    for row, other in zip(ours, theirs, strict=True):
        assert [row[name] for name in averages] == pytest.approx([other[name] for name in averages], rel=1e-12)


@pytest.mark.slow
def test_one_impression_remains_where_200000_expire(tmp_path: Path) -> None:
    many = [outcome(f"e{n}", noon(FIRST0) + n * timedelta(microseconds=1)) for n in range(200_000)]
    shown = [*many, outcome("rest", noon(FIRST1))]
    lake = tile_lake(tmp_path / "home", BEGIN)
    publish_tiles(lake, BEGIN, T1, shown)
    base(lake, T0)
    assert rows(lake, T0) == expected(shown, T0)
    base(lake, T1)
    assert rows(lake, T1) == expected(shown[-1:], T1)
