"""The ledger's order: what was recorded last of an attempt holds, whatever the clocks of its tries say."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.lakes import D1, core_play, make_lake, prepare

from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import State

AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


def test_an_attempt_that_was_abandoned_by_a_machine_with_a_clock_ahead_can_be_prepared_again(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    run = prepare(lake, "core.plays", D1, [core_play(D1)])
    (prepared,) = history(lake, "core.plays").find(run.publication_id)
    refused = replace(prepared, state=State.ABANDONED, recorded_ts=AHEAD)
    record(lake, [refused])
    record(lake, [replace(prepared, recorded_ts=noted_after([refused]))])
    (found,) = history(lake, "core.plays").find(run.publication_id)
    assert found.state is State.PREPARED
