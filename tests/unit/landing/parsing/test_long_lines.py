"""Lines that were too long to be read: the quarantine has what is kept of them."""

from datetime import UTC, datetime

import pytest

from matinee.contracts.registry import Registry
from matinee.landing.parsing.lines import parse_lines
from matinee.settings import CHECKOUT
from matinee.sources.files.read import LongLine

PLAYS = Registry.load(CHECKOUT / "sql").get("raw.plays")
KEPT = LongLine(b"99 bytes, SHA-256 ab, begin with: [{")


@pytest.mark.parametrize("open_line", [None, 2])
def test_a_line_that_was_too_long_to_read_has_that_reason(open_line: int | None) -> None:
    rows = parse_lines(PLAYS, "f", [b"oops", KEPT], 1, datetime(2026, 3, 1, 20, tzinfo=UTC), open_line)
    told = [(row["reason"], row["payload"]) for row in rows.select(["reason", "payload"]).to_pylist()]
    assert told == [("malformed_json", "oops"), ("line_too_long", KEPT.decode())]
