"""The database of a delta: its tiles are the sums of the events that count, whatever the order and the repeats."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import reference
from tests.support.averages import Shown, averages
from tests.support.sent import AT, FIRST, START, read, sent

from matinee.cli.main import main
from matinee.days import instant_of, micros_of
from matinee.serving import answers
from matinee.serving.delta.store import Delta
from matinee.serving.forgotten import Forgotten, digest
from matinee.serving.impressions import KEY
from matinee.serving.keys import after

EXACT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def delta(tmp_path: Path) -> Iterator[Delta]:
    opened = Delta(tmp_path, FIRST)
    yield opened
    opened.close()


def apply(delta: Delta, *rows: dict[str, Any]) -> None:
    delta.apply(list(map(read, rows)), delta.state)


def seen(
    delta: Delta, profile: str = "a", first: date = FIRST, at: datetime = AT
) -> dict[tuple[str, str], answers.Row]:
    prefix = KEY.encode([profile])
    parts = delta.view(prefix).parts(prefix, after(prefix) or b"", first, micros_of(at))
    rows = answers.rows((), parts, lambda key: KEY.decode(key)[1:])  # type: ignore[arg-type,return-value]
    return {row[:2]: row for row in rows}


def expected(
    rows: list[dict[str, Any]], profile: str, first: date = FIRST, at: datetime = AT
) -> dict[Any, list[Shown]]:
    """The impressions that count, by title and location."""
    bands = {1: "top", 2: "top", 5: "middle", 9: "bottom"}
    groups: dict[Any, list[Shown]] = {}
    for row in reference.impressions(rows):
        if row["profile_id"] == profile and row["event_day"] >= first:
            place = "billboard" if row["row"] == row["position"] == 1 else bands[row["row"]]
            shown = Shown(profile, row["title_id"], row["event_ts"], place)
            groups.setdefault((row["title_id"], place), []).append(shown)
    return groups


AT_MINUTES = 3 * 24 * 60
EVENTS = st.lists(
    st.builds(
        sent,
        event_id=st.sampled_from(["e1", "e2", "e3", "é", "e\x00"]),
        minutes=st.integers(0, 3 * 24 * 60 - 1),
        profile_id=st.sampled_from(["a", "ab"]),
        title_id=st.sampled_from(["t1", "t2"]),
        row=st.sampled_from([1, 2, 5, 9]),
        position=st.sampled_from([1, 2]),
        received_ts=st.sampled_from([AT, AT + timedelta(seconds=1)]),
        device=st.sampled_from([None, "tv", "-"]),
    ),
    max_size=12,
)


@settings(EXACT, max_examples=60)
@given(rows=EVENTS, cuts=st.lists(st.integers(0, 12), max_size=3), first=st.integers(0, 2))
def test_tiles_are_the_sums_of_the_events_that_count(rows: list[dict[str, Any]], cuts: list[int], first: int) -> None:
    day = FIRST + timedelta(days=first)
    with TemporaryDirectory() as folder:
        delta = Delta(Path(folder), FIRST)
        edges = [0, *sorted(cuts), len(rows)]
        for begin, end in pairwise(edges):
            apply(delta, *rows[begin:end])
        apply(delta, *rows[:4])
        for profile in ("a", "ab"):
            told, wanted = seen(delta, profile, day), expected(rows, profile, day)
            assert told.keys() == wanted.keys()
            for key, shown in wanted.items():
                assert told[key].seen.impressions == len(shown)
                assert instant_of(told[key].seen.last_us or 0) == max(each.when for each in shown)
                assert list(told[key].seen.averages) == pytest.approx(list(averages(shown, AT).values()), rel=1e-12)
        delta.close()


def test_records_are_counted_by_what_became_of_them(delta: Delta) -> None:
    late, skewed = sent("e2", -1), sent("e3", AT_MINUTES + 6, received_ts=AT)
    apply(delta, sent(), sent(), late, skewed, sent("e4", row=0))
    state = delta.state
    assert (state.records, state.events, state.repeats, state.late) == (5, 1, 1, 1)
    assert state.quarantined == {"beyond_skew": 1, "out_of_range_row": 1}


def test_an_event_within_the_skew_of_clocks_counts(delta: Delta) -> None:
    apply(delta, sent("e1", AT_MINUTES + 5, received_ts=AT))
    assert seen(delta)["t1", "top"].seen.impressions == 1


def test_offsets_stand_with_the_entries(tmp_path: Path) -> None:
    delta = Delta(tmp_path, FIRST)
    delta.apply([read(sent())], delta.state.reached({0: 7}, {}))
    delta.close()
    again = Delta(tmp_path, date(2026, 1, 1))
    assert (again.state.first, again.state.offsets, again.state.events) == (FIRST, {0: 7}, 1)
    assert again.view(KEY.encode(["a"])).newest_us == micros_of(START + timedelta(hours=1))
    again.close()


def test_the_state_is_shown_while_a_process_has_the_delta(
    delta: Delta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(delta, sent(), sent(row=0))
    main(["kv", "delta", "--folder", str(tmp_path), "--output", "json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["first"], shown["records"], shown["quarantined"]) == ("2026-03-02", 2, {"out_of_range_row": 1})


def test_a_view_does_not_see_what_is_written_later(delta: Delta) -> None:
    apply(delta, sent())
    prefix = KEY.encode(["a"])
    view = delta.view(prefix)
    apply(delta, sent("e2"))
    [(_, part)] = view.parts(prefix, after(prefix) or b"", FIRST, micros_of(AT))
    assert (part.impressions, view.state.events) == (1, 1)


def test_days_before_the_first_are_trimmed(delta: Delta) -> None:
    apply(delta, sent("e1", 10), sent("e2", 24 * 60 + 10), sent("e3", 10, profile_id="b"))
    delta.trim(FIRST + timedelta(days=1))
    assert seen(delta)["t1", "top"].seen.impressions == 1
    assert seen(delta, "b") == {}
    assert delta.view(KEY.encode(["b"])).newest_us is None
    apply(delta, sent("e1", 10))
    assert (delta.state.events, delta.state.late) == (3, 1)


def test_a_profile_that_is_forgotten_leaves_no_trace(delta: Delta, tmp_path: Path) -> None:
    apply(delta, sent(profile_id="forget-me"), sent("e2", profile_id="forget-me-not"))
    known = [Forgotten(digest(KEY.encode(["forget-me"])), AT)]
    delta.forget(known)
    assert seen(delta, "forget-me") == {}
    assert seen(delta, "forget-me-not").keys() == {("t1", "top")}
    assert not any(b"forget-me\x00" in path.read_bytes() for path in tmp_path.rglob("*.sst"))
    apply(delta, sent("e3", profile_id="forget-me"))
    delta.forget(known)
    assert seen(delta, "forget-me").keys() == {("t1", "top")}
