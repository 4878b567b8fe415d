"""What landed manifests declare, and which lines are no declaration."""

from datetime import UTC, date, datetime

import pytest

from matinee.errors import LandingRefusedError
from matinee.sources.files.manifests import read_manifests
from matinee.sources.files.read import LongLine
from matinee.validity.manifests import Manifest

AT = datetime(2026, 3, 2, tzinfo=UTC)
GOOD = b'{"dataset":"raw.plays","day":"2026-03-01","expected_rows":5,"closed":true}'


def read(*lines: bytes) -> list[Manifest]:
    return read_manifests(lines, file="manifest.json", datasets=("raw.impressions", "raw.plays"), received_ts=AT)


def test_a_line_may_say_how_many_rows_repeat_no_other() -> None:
    [manifest] = read(GOOD.replace(b'"closed"', b'"expected_distinct":4,"closed"'))
    assert (manifest.expected_rows, manifest.expected_distinct) == (5, 4)


def test_a_line_that_is_too_long_is_refused() -> None:
    with pytest.raises(LandingRefusedError, match=r"manifest.json:2 .*: it has 99 bytes, more than a line may have"):
        read(GOOD, LongLine(b"99 bytes, SHA-256 ab, begin with: {"))


def test_each_line_declares_a_day() -> None:
    assert read(GOOD, b"") == [Manifest("raw.plays", date(2026, 3, 1), 5, True, "manifest.json", AT)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"dataset":', "Invalid JSON"),
        (GOOD.replace(b"2026-03-01", b"1 March"), "day: .*YYYY-MM-DD"),
        (GOOD.replace(b'"2026-03-01"', b"20260301"), "day: .*YYYY-MM-DD"),
        (GOOD.replace(b"5", b'"5"'), "expected_rows: .*integer"),
        (GOOD.replace(b"5", b"-5"), "expected_rows: .*greater"),
        (GOOD.replace(b"5", b"9223372036854775808"), "expected_rows: .*less"),
        (GOOD.replace(b'"closed"', b'"expected_distinct":6,"closed"'), "expected_distinct is greater"),
        (GOOD.replace(b"true", b"1"), "closed: .*boolean"),
        (GOOD.replace(b',"closed":true', b""), "closed: Field required"),
        (GOOD.replace(b'"closed"', b'"note":"x","closed"'), "note: Extra"),
        (GOOD.replace(b"raw.plays", b"core.plays"), "'core.plays' is none of raw.impressions, raw.plays"),
        (b"[]", "object"),
        (b"\xff", "Invalid JSON|UTF-8"),
    ],
)
def test_a_line_that_is_no_declaration_is_refused_with_file_and_line(line: bytes, why: str) -> None:
    with pytest.raises(LandingRefusedError, match=f"manifest.json:2 is no declaration of a day: .*(?:{why})"):
        read(GOOD, line)
