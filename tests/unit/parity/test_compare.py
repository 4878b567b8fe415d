"""A live day is compared with its publication once both are mature and the stream has read what the batch read."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, close_days, make_lake, prepare

from matinee.contracts.ddl import BUCKETS
from matinee.contracts.model import live_name
from matinee.days import end_of
from matinee.errors import InputsNotValidError
from matinee.ledger.ledger import history
from matinee.ledger.model import InputPin
from matinee.ledger.withdrawal import withdraw
from matinee.live.progress import Progress
from matinee.parity import compare as module
from matinee.parity.compare import _scores, compare
from matinee.parity.register import Parity, days_to_compare, record
from matinee.publication.move import move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

OUTCOMES, PLAYS = "core.impression_plays", "core.plays"
READ = {"raw.impressions": 0, "raw.plays": 2}
#: When the window of the day's last impression has closed.
MATURE = end_of(D1) + timedelta(hours=24)
US = timedelta(microseconds=1)


class ComparedError(Exception):
    """Raised where the rows would be compared: no check before refused the day."""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose batch has read two landings of plays; comparing its rows only raises `ComparedError`."""

    def looked_at(*_: object) -> None:
        raise ComparedError

    monkeypatch.setattr(module, "_joined", looked_at)
    lake = make_lake(tmp_path)
    close_days(lake, "raw.impressions", {D1: 0})
    publish(lake, PLAYS, D1, pins=(InputPin("raw.plays", 1, 1, 2, {}),))
    return lake


def publish(lake: Lake, dataset: str, day: date, **values: object) -> None:
    move_to_main(lake, prepare(lake, dataset, day, [], **values), lambda _: ())  # type: ignore[arg-type]


def stream(lake: Lake, progress: Progress) -> None:
    lake.ensure(live_name(OUTCOMES))
    commit_nothing(lake, live_name(OUTCOMES), refs.MAIN, progress.to_summary())


def is_compared(lake: Lake) -> bool:
    with pytest.raises(ComparedError):
        compare(lake, None, OUTCOMES, D1)  # type: ignore[arg-type]
    return True


def refused(lake: Lake, words: str) -> bool:
    with pytest.raises(InputsNotValidError, match=words):
        compare(lake, None, OUTCOMES, D1)  # type: ignore[arg-type]
    return True


def test_a_live_table_is_compared_from_the_instant_of_maturity_on(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE - US))
    assert refused(lake, "the live table is as of .*, before its last window ended")
    stream(lake, Progress(READ, as_of=MATURE))
    assert is_compared(lake)


def test_a_live_table_without_an_instant_is_not_compared(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ))
    assert refused(lake, "the live table is as of None")


@pytest.mark.parametrize("as_of", [MATURE - US, MATURE, None], ids=["early", "mature", "no instant"])
def test_a_publication_of_before_its_last_window_ended_is_not_compared(lake: Lake, as_of: datetime | None) -> None:
    publish(lake, OUTCOMES, D1, as_of=as_of)
    stream(lake, Progress(READ, as_of=MATURE))
    early = as_of is not None and as_of < MATURE
    assert refused(lake, "its publication is as of .*, before its last") if early else is_compared(lake)


@pytest.mark.parametrize(("read", "enough"), [(1, False), (2, True), (3, True)])
def test_a_live_table_is_compared_once_it_has_read_all_that_the_batch_has(lake: Lake, read: int, enough: bool) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ | {"raw.plays": read}, as_of=MATURE))
    assert is_compared(lake) if enough else refused(lake, "has not read all that the batch has")


@pytest.mark.parametrize(("expired", "is_left"), [(D1 - timedelta(days=1), True), (D1, False), (D2, False)])
def test_a_day_whose_live_rows_have_expired_is_not_compared(lake: Lake, expired: date, is_left: bool) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE, expired=expired))
    assert is_compared(lake) if is_left else refused(lake, f"its live rows up to {expired} have expired")


def test_a_day_that_is_not_valid_is_not_compared(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE))
    newest = history(lake, OUTCOMES).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert refused(lake, "is not valid, so there is nothing to compare the live table with")


def test_without_a_live_table_nothing_is_compared(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    assert refused(lake, r"there is no core\.impression_plays_live yet")


@pytest.mark.parametrize("noted", ["0", "1"], ids=["several numbers", "another number"])
def test_live_rows_in_another_number_of_buckets_are_not_compared(lake: Lake, noted: str) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE))
    with lake.table(live_name(OUTCOMES)).transaction() as change:
        change.set_properties({BUCKETS: noted})
    assert refused(lake, r"not all rows of core\.impression_plays_live are in .* Next: Wait for the next tick")


def agreed(lake: Lake, differing: int) -> None:
    newest = history(lake, OUTCOMES).newest(D1)
    assert newest is not None
    record(lake, Parity(OUTCOMES, D1, newest.publication_id, 1, 9, 0, differing, {}, {}))


def test_mature_days_are_to_be_compared_until_they_agree(lake: Lake) -> None:
    for day in (D1, D2):
        publish(lake, OUTCOMES, day, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE))
    assert days_to_compare(lake) == [(OUTCOMES, D1)]
    agreed(lake, differing=1)
    assert days_to_compare(lake) == [(OUTCOMES, D1)]
    agreed(lake, differing=0)
    assert days_to_compare(lake) == []


def test_a_day_that_is_published_again_is_to_be_compared_again(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE))
    agreed(lake, differing=0)
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    assert days_to_compare(lake) == [(OUTCOMES, D1)]


def test_expired_days_are_not_to_be_compared(lake: Lake) -> None:
    for day in (D1, D2):
        publish(lake, OUTCOMES, day, as_of=end_of(D2) + timedelta(hours=24))
    stream(lake, Progress(READ, as_of=MATURE, expired=D1))
    assert days_to_compare(lake) == [(OUTCOMES, D2)]


def test_a_bad_day_keeps_no_later_day_from_the_gate(lake: Lake) -> None:
    """The first day is withdrawn, the second was never published: the third is compared all the same."""
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    newest = history(lake, OUTCOMES).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    publish(lake, OUTCOMES, D3, as_of=end_of(D3) + timedelta(hours=24))
    stream(lake, Progress(READ, as_of=end_of(D3) + timedelta(hours=24)))
    assert days_to_compare(lake) == [(OUTCOMES, D3)]


def test_a_day_that_was_kept_from_expiring_is_compared_once_it_is_mature(lake: Lake) -> None:
    publish(lake, OUTCOMES, D1, as_of=MATURE)
    stream(lake, Progress(READ, as_of=MATURE, expired=D2, kept=(D1,)))
    assert days_to_compare(lake) == [(OUTCOMES, D1)]
    assert is_compared(lake)


def test_a_column_is_scored_by_the_share_of_rows_that_agree_in_it(lake: Lake) -> None:
    contract = lake.registry.get(OUTCOMES)
    differs = dict.fromkeys((f"not_{name}" for name in contract.column_names), 0)
    counts = {"late": differs | {"rows": 2, "not_label": 2}, "code": differs | {"rows": 1, "not_label": 1}}
    scores = _scores(contract, counts, 12)
    assert (scores.pop("label"), {*scores.values()}) == (0.75, {1.0})
    assert {*_scores(contract, {}, 0).values()} == {1.0}
