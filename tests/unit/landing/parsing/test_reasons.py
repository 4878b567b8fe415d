"""The reason of a quarantined row, where its contract names the reason."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from matinee.contracts.registry import Registry
from matinee.landing.parsing.lines import parse_lines
from matinee.settings import CHECKOUT

SHOWN = {
    "event_id": "e",
    "profile_id": "a",
    "title_id": "t",
    "row": 1,
    "position": 1,
    "event_ts": "2026-03-01T12:00:00Z",
}


def test_a_value_below_its_minimum_has_the_reason_that_the_contract_names() -> None:
    shipped = Registry.load(CHECKOUT / "sql").get("raw.impressions")
    reasons = {"row": "no_row"}
    columns = tuple(replace(column, below_minimum=reasons.get(column.name, "")) for column in shipped.columns)
    lines = [json.dumps(SHOWN | change).encode() for change in ({}, {"row": 0}, {"position": 0})]
    parsed = parse_lines(replace(shipped, columns=columns), "f", lines, 1, datetime(2026, 3, 1, 20, tzinfo=UTC))
    assert parsed["reason"].to_pylist() == [None, "no_row", "out_of_range_position"]
