"""Lines of landing files: which land, and which are bad for which reason; the fast way and the judge agree."""

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.landing.parsing import lines as landing_lines
from matinee.landing.parsing.judge import judge_of
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.parsing.strict import prover_of
from matinee.landing.parsing.text import NO_TEXT
from matinee.landing.parsing.values import micros
from matinee.settings import CHECKOUT

PLAYS, IMPRESSIONS = map(Registry.load(CHECKOUT / "sql").get, ("raw.plays", "raw.impressions"))
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PLAY: dict[str, Any] = {"play_id": "p", "profile_id": "a", "title_id": "t", "start_ts": "2026-03-01T12:05:00Z"}
SHOWN: dict[str, Any] = {"event_id": "e", "profile_id": "a", "title_id": "t", "row": 1, "position": 2}
SHOWN |= {"event_ts": "2026-03-01T12:00:00.000001Z"}
TEXT = json.dumps(PLAY)[:-1]
START = '"start_ts":"2026-03-01T12:05:00Z"'


def play(**changes: object) -> bytes:
    return json.dumps(PLAY | changes).encode()


def shown(**changes: object) -> bytes:
    return json.dumps(SHOWN | changes).encode()


def more(text: str) -> bytes:
    """A good play with more text before its last brace."""
    return f"{TEXT}{text}}}".encode()


def start(text: str) -> bytes:
    """A play whose start is this JSON text."""
    return json.dumps(PLAY).replace('"2026-03-01T12:05:00Z"', text).encode()


def table(*lines: bytes, open_line: int | None = None, contract: Contract = PLAYS) -> pa.Table:
    return parse_lines(contract, "f", list(lines), 1, LANDED, open_line)


def parsed(*lines: bytes, open_line: int | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table(*lines, open_line=open_line).to_pylist()
    return rows


def reasons(*lines: bytes, open_line: int | None = None, contract: Contract = PLAYS) -> list[str | None]:
    column: list[str | None] = table(*lines, open_line=open_line, contract=contract)["reason"].to_pylist()
    return column


GOOD_PLAYS = [
    play(),
    play(device=None, duration_s=None, received_ts=None),
    play(duration_s=0),
    play(duration_s=61),
    play(title_id="Amélie ☂ \U0001f3ac"),
    play(title_id='a "quoted" \\ one\t'),
    play(title_id="NULL\x00"),
    play(title_id="null"),
    play(received_ts="2026-03-01T20:10:00Z"),
    play(start_ts="2026-03-02T20:00:00Z"),
    play(start_ts="2000-02-29T00:00:00Z"),
    play(start_ts="2024-02-29T00:00:00Z"),
    play(start_ts="2026-03-01T12:00:00.123456789+0530"),
    play(start_ts="2026-03-01T12:00:00.1-18:00"),
    play(start_ts="2026-03-01T12:00:00Z\n"),
    play(start_ts="2026-03-01T12:00:00Z\r\n"),
    play(note={"b": [1, {"c": None}]}, ab="x"),
    play(landing_seq=99, event_day="x", file=1),
    "".join((TEXT, ',"über":"ÿ"}')).encode(),
    b" \t" + play() + b"\r",
    more(',"note":"\\ud83d"'),
    more(',"n\\u0000\\/":"\\b\\f"'),
    more(',"note":' + "[" * 998 + "]" * 998),
    more(',"number":' + "9" * 1000),
    more(',"duration_s":1e-400'),
    more(',"duration_s":-0.0'),
    more(',"duration_s":' + "0" + ".0" + "1" * 400),
]
BAD_PLAYS = [
    ("blank_line", b""),
    ("blank_line", b" \t\x0b\x0c\r"),
    ("blank_line", "\u2028".encode()),
    ("blank_line", b" \xc2\x85"),
    ("malformed_json", "\u00a0".encode()),
    ("malformed_json", b"\x1c"),
    ("malformed_json", "\u2028\u2028".encode()),
    ("malformed_json", b"\xef\xbb\xbf" + play()),
    ("malformed_json", b"\xff"),
    ("malformed_json", play()[:-1]),
    ("malformed_json", b"\x0b" + play()),
    ("malformed_json", play() + b"\x00"),
    ("malformed_json", play() + play()),
    ("malformed_json", play() + b"," + play()),
    ("array_of_objects", b"[" + play() + b"]"),
    ("malformed_json", b"null"),
    ("malformed_json", more(',"play_id":"q"')),
    ("malformed_json", more(',"device":null,"device":null')),
    ("malformed_json", more(',"device":null,"device":"tv"')),
    ("malformed_json", more(',"device":"null","device":null')),
    ("malformed_json", more(',"duration_s":1,"duration_s":2')),
    ("malformed_json", more(',"dev\\u0069ce":"a","device":"b"')),
    ("malformed_json", more(',"note":{"a":1,"a":1}')),
    ("malformed_json", more(',"note":[{"a":{"b":"","b":""}}]')),
    ("malformed_json", more(',"\\ud800":1,"\\udc00":2')),
    ("malformed_json", TEXT.encode() + b',"note":"\xff"}'),
    ("malformed_json", TEXT.encode() + b',"\xed\xa0\x80":1}'),
    ("malformed_json", more(',"note":01')),
    ("malformed_json", more(',"note":1.')),
    ("malformed_json", more(',"note":.5')),
    ("malformed_json", more(',"note":+1')),
    ("malformed_json", more(',"note":NaN')),
    ("malformed_json", more(',"note":-Infinity')),
    ("malformed_json", more(',"note":tru')),
    ("malformed_json", more(",'note':1")),
    ("malformed_json", more(',"note":"\t"')),
    ("malformed_json", more(',"note":"\\x"')),
    ("malformed_json", more(',"note":"\\u12g4"')),
    ("malformed_json", more(",")),
    ("malformed_json", more(',"note":[1,]')),
    ("malformed_json", more(',"note":/**/1')),
    ("malformed_json", more(',"note":' + "[" * 999 + "]" * 999)),
    ("malformed_json", more(',"note":' + "[" * 100_000)),
    ("malformed_json", more(',"number":' + "9" * 1001)),
    ("missing_play_id", b"{}"),
    ("missing_play_id", play(play_id=None, duration_s="x")),
    ("missing_start_ts", play(start_ts=None)),
    ("wrong_type_play_id", play(play_id=7)),
    ("wrong_type_play_id", play(play_id=["p"])),
    ("wrong_type_profile_id", play(profile_id="a\ud83d")),
    ("wrong_type_profile_id", play(profile_id="a" + NO_TEXT)),
    ("wrong_type_title_id", play(title_id="\ude00\ud83d")),
    ("wrong_type_title_id", TEXT.replace('"t"', f'"{NO_TEXT}"').encode() + b"}"),
    ("wrong_type_start_ts", play(start_ts=1772366400)),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01 12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00z")),
    ("wrong_type_start_ts", play(start_ts=" 2026-03-01T12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00Z ")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00Z\u2028")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00.1234567890Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00.Z")),
    ("wrong_type_start_ts", play(start_ts="2026-02-29T12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2100-02-29T12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-00T12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-13-01T12:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T24:00:00Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:60Z")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00+18:01")),
    ("wrong_type_start_ts", play(start_ts="2026-03-01T12:00:00+05:60")),
    ("wrong_type_start_ts", play(start_ts="٢٠٢٦-03-01T12:00:00Z")),
    ("wrong_type_duration_s", play(duration_s="60")),
    ("wrong_type_duration_s", play(duration_s=True)),
    ("wrong_type_duration_s", more(',"duration_s":1e400')),
    ("wrong_type_duration_s", more(',"duration_s":' + "9" * 400)),
    ("wrong_type_device", play(device={"kind": "tv"})),
    ("wrong_type_received_ts", play(received_ts="now", start_ts="1999-01-01T00:00:00Z")),
    ("blank_play_id", play(play_id="")),
    ("blank_profile_id", play(profile_id=" \x0b")),
    ("blank_title_id", play(title_id="\u2029")),
    ("day_out_of_range", play(start_ts="0000-02-29T00:00:00Z")),
    ("day_out_of_range", play(start_ts="0001-12-31T23:59:59.999999Z")),
    ("day_out_of_range", play(start_ts="9999-01-01T00:00:00Z")),
    ("day_out_of_range", play(start_ts="9999-12-31T23:59:59-18:00", received_ts="9999-12-31T23:59:59-18:00")),
    ("received_in_future", play(received_ts="2026-03-01T20:10:00.000001Z")),
    ("event_in_future", play(start_ts="2026-03-02T20:00:00.000001Z")),
    ("event_in_future", play(received_ts="2026-02-27T00:00:00Z")),
    ("before_earliest_event", play(start_ts="1999-12-31T23:59:59.999999Z", duration_s=-1)),
    ("negative_duration", play(duration_s=-1e-9)),
    ("out_of_range_duration_s", play(duration_s=1e9 + 1)),
]


@pytest.mark.parametrize("line", GOOD_PLAYS)
def test_a_good_line_lands(line: bytes) -> None:
    [row] = table(line).select(["reason", "payload"]).to_pylist()
    assert row == {"reason": None, "payload": None}


@pytest.mark.parametrize(("reason", "line"), BAD_PLAYS)
def test_a_bad_line_has_a_reason(reason: str, line: bytes) -> None:
    [row] = table(line).select(["reason", "payload"]).to_pylist()
    assert row == {"reason": reason, "payload": line.decode(errors="replace")}


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        (None, 1),
        (None, 2**31 - 1),
        ("wrong_type_row", 2**31),
        ("wrong_type_row", -(2**31) - 1),
        ("wrong_type_row", 2**70),
        ("wrong_type_row", 1.0),
        ("wrong_type_row", "1"),
        ("wrong_type_row", True),
        ("missing_row", None),
        ("out_of_range_row", 0),
        ("out_of_range_row", -(2**31)),
    ],
)
def test_whole_numbers_are_whole_and_in_range(reason: str | None, row: object) -> None:
    assert reasons(shown(row=row), contract=IMPRESSIONS) == [reason]


def test_lines_of_all_kinds_side_by_side_have_what_each_has_alone() -> None:
    lines = [line for _, line in BAD_PLAYS] + GOOD_PLAYS
    together = table(*lines)
    alone = pa.concat_tables(table(line) for line in lines)
    assert together.drop_columns(["line"]).equals(alone.drop_columns(["line"]))
    assert together["line"].to_pylist() == list(range(1, len(lines) + 1))


def test_what_is_proven_is_what_the_judge_says() -> None:
    judge = judge_of(PLAYS)
    for line in GOOD_PLAYS:
        [row], judged = parsed(line), judge.judge(line, micros(LANDED))
        assert (row["reason"], row["unknown"]) == (judged.reason, judged.unknown)
        times = {"start_ts", "received_ts"}
        landed = {name: micros(row[name]) if name in times else row[name] for name in judged.values}
        assert landed == judged.values


def test_good_lines_as_producers_write_them_take_the_fast_way() -> None:
    usual = [play(), play(device=None), play(ab=1, screen={"w": [1, "x"]}), play(title_id='é "x"'), play(duration_s=1)]
    assert prover_of(PLAYS).prove(usual).is_good.all()


def test_a_good_row_has_its_types_and_its_day() -> None:
    line = play(start_ts="2026-03-02T01:30:00.123456789+05:30", duration_s=61, device="tv", ab_test="b")
    assert parsed(line) == [
        {
            "file": "f",
            "line": 1,
            "landed_ts": LANDED,
            "reason": None,
            "payload": None,
            "unknown": ["ab_test"],
            "play_id": "p",
            "profile_id": "a",
            "title_id": "t",
            "start_ts": datetime(2026, 3, 1, 20, 0, 0, 123456, tzinfo=UTC),
            "duration_s": 61.0,
            "device": "tv",
            "country": None,
            "source": None,
            "app_version": None,
            "received_ts": LANDED,
            "event_day": date(2026, 3, 1),
        }
    ]


def test_a_bad_row_keeps_its_received_time_and_its_unknown_names() -> None:
    earlier = LANDED - timedelta(hours=1)
    [row] = parsed(play(play_id=7, received_ts=earlier.isoformat(), more=1))
    assert (row["reason"], row["received_ts"], row["unknown"]) == ("wrong_type_play_id", earlier, ["more"])


def test_a_line_that_is_no_object_is_received_when_it_lands() -> None:
    [row] = parsed(b"[1]")
    assert (row["unknown"], row["received_ts"], row["start_ts"], row["event_day"]) == (None, LANDED, None, None)


def test_a_last_line_without_an_end_is_incomplete_where_it_is_no_object() -> None:
    assert reasons(play()[:9], play()[:9], open_line=2) == ["malformed_json", "incomplete_last_line"]
    assert reasons(play(), b"", open_line=2) == [None, "blank_line"]
    assert reasons(play(), play(), open_line=2) == [None, None]


def test_a_name_with_half_a_surrogate_pair_is_counted_with_a_mark() -> None:
    assert parsed(more(',"note \\ud83c":1'))[0]["unknown"] == [f"note {NO_TEXT}"]


def test_no_lines_are_no_rows() -> None:
    assert parsed() == []


def test_lines_of_more_bytes_than_a_batch_has_are_parsed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [play(play_id=str(number), note="x" * number) for number in range(50)]
    whole = table(*many)
    monkeypatch.setattr(landing_lines, "BATCH_BYTES", 400)
    assert table(*many).equals(whole)


def test_another_process_can_be_told_what_to_parse() -> None:
    contract, parse = pickle.loads(pickle.dumps((PLAYS, parse_lines)))  # noqa: S301 - of our own
    assert parse(contract, "f", [play()], 1, LANDED).equals(table(play()))
