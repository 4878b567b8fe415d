"""Progress of the live tables: what the commits say, how far a step goes, until when events have arrived."""

from datetime import date, timedelta
from pathlib import Path

from tests.support.lakes import D1, at, land, make_lake, raw_impression, raw_play

from matinee.contracts.model import live_name
from matinee.live.progress import Progress, next_stop, progress, watermark
from matinee.maintenance.retention import expire, plan_expiry
from matinee.table import refs
from matinee.table.commits import commit_nothing

OUTCOMES = "core.impression_plays"
IMPRESSIONS, PLAYS = "raw.impressions", "raw.plays"
SOURCES = (IMPRESSIONS, PLAYS)
HOUR = timedelta(hours=1)
MUCH_LATER = at(date(2100, 1, 1))


def test_what_a_commit_says_is_read_back_past_commits_that_say_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    assert progress(lake, OUTCOMES) == Progress({})
    lake.ensure(live_name(OUTCOMES))
    done = Progress({IMPRESSIONS: 4, PLAYS: 7}, {IMPRESSIONS: 3, PLAYS: 7}, at(D1), D1, ("1.0.0", "2"))
    commit_nothing(lake, live_name(OUTCOMES), refs.MAIN, done.to_summary())
    commit_nothing(lake, live_name(OUTCOMES), refs.MAIN, {})
    assert progress(lake, OUTCOMES) == done


def test_the_newest_word_on_progress_outlives_every_expiry(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    dataset = live_name(OUTCOMES)
    lake.ensure(dataset)
    for number in range(3):
        commit_nothing(lake, dataset, refs.MAIN, Progress({IMPRESSIONS: number, PLAYS: 0}).to_summary())
    for _ in range(2):
        commit_nothing(lake, dataset, refs.MAIN, {})
        expire(lake, plan_expiry(lake, dataset, MUCH_LATER))
    assert progress(lake, OUTCOMES).read[IMPRESSIONS] == 2
    assert len(lake.table(dataset).metadata.snapshots) == 2
    commit_nothing(lake, dataset, refs.MAIN, Progress({IMPRESSIONS: 3, PLAYS: 0}).to_summary())
    assert progress(lake, OUTCOMES).read[IMPRESSIONS] == 3


def test_a_step_goes_as_far_as_its_rows_allow_and_past_what_has_expired(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for seq in (1, 2, 3):
        land(lake, IMPRESSIONS, [raw_impression(D1, f"e{seq}{n}") for n in range(4)], seq=seq, received=at(D1))
    lake.ensure(PLAYS)
    assert next_stop(lake, SOURCES, {}, rows=9) == {IMPRESSIONS: 2, PLAYS: 0}
    assert next_stop(lake, SOURCES, {}, rows=1) == {IMPRESSIONS: 1, PLAYS: 0}
    assert next_stop(lake, SOURCES, {IMPRESSIONS: 1}, rows=100) == {IMPRESSIONS: 3, PLAYS: 0}
    land(lake, PLAYS, [raw_play(D1)], seq=1)  # Its commit has the number of the landing and no count of rows.
    assert next_stop(lake, SOURCES, {}, rows=1) == {IMPRESSIONS: 1, PLAYS: 1}


def test_the_watermark_is_that_of_the_earlier_source_less_its_delay(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land(lake, IMPRESSIONS, [raw_impression(D1)], received=at(D1))
    lake.ensure(PLAYS)
    assert watermark(lake, {IMPRESSIONS: 1, PLAYS: 0}) is None
    land(lake, PLAYS, [raw_play(D1, received_ts=at(D1) + HOUR)], received=at(D1) + 2 * HOUR)
    assert watermark(lake, {IMPRESSIONS: 1, PLAYS: 1}) == at(D1) - timedelta(minutes=10)
    land(lake, IMPRESSIONS, [raw_impression(D1, "late", received_ts=at(D1) - HOUR)], seq=2, received=at(D1) + 3 * HOUR)
    assert watermark(lake, {IMPRESSIONS: 2, PLAYS: 1}) == at(D1) - HOUR - timedelta(minutes=10)


def test_a_step_ends_at_the_first_landing_that_is_too_much(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for seq, rows in ((1, 4), (2, 9)):
        shown = [raw_impression(D1, f"e{seq}{number}") for number in range(rows)]
        land(lake, IMPRESSIONS, shown, seq=seq, received=at(D1) + seq * HOUR, close=False)
    land(lake, PLAYS, [raw_play(D1)], received=at(D1) + 3 * HOUR, close=False)
    assert next_stop(lake, SOURCES, {}, rows=6) == {IMPRESSIONS: 1, PLAYS: 0}


def test_a_step_goes_past_landings_of_which_nothing_is_known(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(PLAYS)
    land(lake, IMPRESSIONS, [raw_impression(D1)], received=at(D1), close=False)
    land(lake, IMPRESSIONS, [raw_impression(D1, "e2")], seq=2, close=False)
    assert next_stop(lake, SOURCES, {}, rows=9) == {IMPRESSIONS: 2, PLAYS: 0}


def test_the_watermark_is_of_what_a_step_takes_and_not_of_what_came_since(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for seq in (1, 2):
        received = at(D1) + seq * HOUR
        shown = [raw_impression(D1, f"e{seq}", received_ts=received)]
        land(lake, IMPRESSIONS, shown, seq=seq, received=received, close=False)
    delay = timedelta(minutes=10)
    assert [watermark(lake, {IMPRESSIONS: seq}) for seq in (1, 2)] == [at(D1) + seq * HOUR - delay for seq in (1, 2)]
