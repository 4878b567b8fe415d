"""What is told of a publication."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, core_play, land, make_lake, pin, prepare, raw_play

from matinee.errors import UsageError
from matinee.ledger.account import account, records_of
from matinee.ledger.ledger import history
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    for day in (D2, D1):
        run = prepare(lake, "core.plays", day, [core_play(day)], pins=(pin(lake, "raw.plays", {day: 1}),), attempt="1")
        move_to_main(lake, run, lambda _: ())
    return lake


def test_an_account_names_what_was_read_and_written(lake: Lake) -> None:
    told = account(lake, records_of(lake, "core_plays_20260301_1"))
    assert told["inputs"] == [
        {
            "dataset": "raw.plays",
            "snapshot": lake.table("raw.plays").metadata.current_snapshot_id,
            "inputs_expired": False,
            "landing_seq": None,
            "days": {"2026-03-01": 1},
        }
    ]
    assert [*told["days"]] == ["2026-03-01"]  # type: ignore[misc]


def test_an_unknown_publication_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="no publication core_plays_20260301_2"):
        records_of(lake, "core_plays_20260301_2")


def test_the_last_recorded_publications_come_first(lake: Lake) -> None:
    known = history(lake, "core.plays")
    assert [note.day for note in known.last_recorded(1)] == [D1]
    assert [note.day for note in known.last_recorded(5)] == [D1, D2]
