"""The end of live days: a day expires by its own batch; a day that no batch can judge yet keeps no other day."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, KeptLake, arrow, close_days, make_lake, prepare, raw_impression

from matinee.contracts.ddl import BUCKETS
from matinee.contracts.model import live_name
from matinee.days import end_of
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.live import repair
from matinee.live.groups import group_of
from matinee.live.lease import streaming
from matinee.live.progress import Progress
from matinee.live.repair import end_of_live, rebucket
from matinee.publication.move import move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing, replace_files
from matinee.table.files import data_files
from matinee.validity.validity import Validity

ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"
WINDOW = timedelta(hours=24)
DAYS = [D1 + timedelta(days=number) for number in range(10)]
#: Published from the first day on, with the contract's week of live days: these have been mature for long enough.
OLD = DAYS[:3]


@pytest.fixture(scope="module")
def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    return KeptLake(tmp_path_factory.mktemp("lake"), fill)


@pytest.fixture
def lake(kept_lake: KeptLake) -> Lake:
    """A lake of ten closed days with live rows, of which all but the first three are published."""
    return kept_lake.begin()


def fill(lake: Lake) -> None:
    show(lake)
    publish(lake, *DAYS[3:])


def show(lake: Lake) -> None:
    """Close the days and give each a live row, and a day long before the lake, too."""
    for dataset in ("raw.impressions", "raw.plays"):
        close_days(lake, dataset, dict.fromkeys(DAYS, 0))
    table = lake.ensure(live_name(OUTCOMES))
    table.append(arrow(table, [shown(day) for day in (date(2001, 1, 1), *DAYS)]))
    lake.ensure(live_name(ATTRIBUTIONS))
    follow(lake, Progress({"raw.plays": 1}))


def shown(day: date) -> dict[str, object]:
    counts = dict.fromkeys(("profile_bucket", "plays", "plays_without_duration", "watch_ms"), 0)
    row = raw_impression(day) | counts | {"label": "pending", "is_mature": False}
    row |= dict.fromkeys(("first_play_ts", "time_to_play_ms"))
    return {name: value for name, value in row.items() if name not in {"landing_seq", "file"}}


def follow(lake: Lake, *progress: Progress) -> None:
    """Have the live tables say what they hold: both the same, or each its own."""
    for dataset, done in zip((ATTRIBUTIONS, OUTCOMES), progress * (3 - len(progress)), strict=True):
        commit_nothing(lake, live_name(dataset), refs.MAIN, done.to_summary())


def buckets(lake: Lake) -> list[str]:
    return [lake.table(live_name(dataset)).properties[BUCKETS] for dataset in (ATTRIBUTIONS, OUTCOMES)]


def publish(lake: Lake, *days: date) -> None:
    for dataset in (ATTRIBUTIONS, OUTCOMES):
        for day in days:
            move_to_main(lake, prepare(lake, dataset, day, [], as_of=end_of(day) + WINDOW), lambda _: ())


def end(lake: Lake) -> tuple[date | None, tuple[date, ...]]:
    return end_of_live(lake, Validity(lake), group_of(lake, OUTCOMES))


def test_no_day_expires_before_a_batch_was_published(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    show(lake)
    assert end(lake) == (None, ())


def test_days_expire_once_their_batch_has_been_mature_for_a_week(lake: Lake) -> None:
    publish(lake, *OLD)
    assert end(lake) == (OLD[-1], ())


def test_a_day_without_a_batch_stays_and_keeps_no_other_day(lake: Lake) -> None:
    publish(lake, *OLD[1:])
    assert end(lake) == (OLD[-1], (DAYS[0], DAYS[1]))  # The rows of the first day are made from plays of the second.
    publish(lake, DAYS[0])
    follow(lake, Progress({"raw.plays": 1}, expired=OLD[-1], kept=(DAYS[0],)))
    assert end(lake) == (OLD[-1], ())


@pytest.mark.parametrize("dataset", [ATTRIBUTIONS, OUTCOMES])
def test_a_withdrawn_day_stays_whichever_dataset_lost_it(lake: Lake, dataset: str) -> None:
    publish(lake, *OLD)
    newest = history(lake, dataset).newest(DAYS[1])
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert end(lake) == (OLD[-1], (DAYS[1], DAYS[2]))


@pytest.mark.parametrize("expired", [None, DAYS[0], DAYS[1]], ids=["none", "the day before", "the day, which is kept"])
def test_a_day_without_live_rows_stays_until_it_is_judged(lake: Lake, expired: date | None) -> None:
    live = lake.table(live_name(OUTCOMES))
    replace_files(live, refs.MAIN, [*data_files(live, "event_day", first=DAYS[1], last=DAYS[1])], [], {})
    publish(lake, DAYS[0], DAYS[2])
    kept = (DAYS[1],) if expired == DAYS[1] else ()
    follow(lake, Progress({"raw.plays": 1}, expired=expired, kept=kept))
    assert end(lake) == (OLD[-1], (DAYS[1], DAYS[2]))


def test_days_that_a_kept_day_is_made_from_stay_only_as_long(lake: Lake) -> None:
    publish(lake, *OLD[1:])
    follow(lake, Progress({}, expired=DAYS[1], kept=(DAYS[0], DAYS[1])))
    assert end(lake) == (OLD[-1], (DAYS[0], DAYS[1]))
    publish(lake, DAYS[0])
    assert end(lake) == (OLD[-1], ())


def test_a_day_that_has_expired_in_either_table_does_not_come_back(lake: Lake) -> None:
    publish(lake, DAYS[2])
    follow(lake, Progress({}, expired=OLD[-1], kept=(DAYS[1],)), Progress({}, expired=DAYS[0], kept=(DAYS[0],)))
    assert end(lake) == (OLD[-1], (DAYS[1],))


def test_live_days_are_all_derived_again_after_a_kill_between_them(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    stated, derived = buckets(lake), list[date]()

    def derive(*given: object) -> None:
        derived.append(given[-1])  # type: ignore[arg-type]
        if len(derived) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(repair, "_derive_again", derive)
    with lake.table(live_name(OUTCOMES)).transaction() as change:
        change.set_properties({BUCKETS: "3"})  # The contract had 3, then the number that it has again after the kill.
    with streaming(lake) as lease:
        with pytest.raises(KeyboardInterrupt):
            rebucket(lake, None, lease)  # type: ignore[arg-type]
        assert buckets(lake) == ["0", "0"]
        rebucket(lake, None, lease)  # type: ignore[arg-type]
    assert sorted({*derived}) == [date(2001, 1, 1), *DAYS]
    assert buckets(lake) == stated
