"""Codecs: a value of a register or a summary comes back as it was written, by this version or an earlier one."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.support.lakes import D1, D2, make_lake

from matinee.healing.register import Decision
from matinee.landing.model import REGISTER, Batch, Landing
from matinee.ledger.model import InputPin, Publication, Run, State, Withdrawal, from_row, to_row
from matinee.live.progress import Progress
from matinee.live.register import Tick
from matinee.parity.register import Parity
from matinee.table.registers import Register, read_rows

AT = datetime(2026, 3, 1, 1, 2, 3, 4, UTC)
LANDING = Landing(
    *("raw.plays", "plays.ndjson", "5f" * 32, 3, 2, 1, {"z": 1, "a": 2}, AT, 7, 5),
    batch_id="b1",
    identity="inode 1",
)
STREAMED = Landing(
    *("raw.plays", "plays/0 0-3", "5f" * 32, 3, 2, 1, {}, AT, 7, 5, {"bad_time": 1}, 1),
    *({"plays/0": 0}, {"plays/0": 3}, "q1", AT.isoformat(), "t1"),
)
DECISION = Decision("h1", 1, "core.plays", D1, "heal", "late_rows", "3 rows came late", tries=2, recorded_ts=AT)
TICK = Tick("ran", None, {"plays/0": 3}, 2, 1, AT, 1.5, {"write": 0.5, "audit": 0.25}, AT)
PIN = InputPin("raw.plays", 5, 6, 7, {date(2026, 3, 2): 2, D1: 1}, {D1: "5f" * 8})
RUN = Run("p1", "core.plays", "2026-03-01", D1, D1, 1, (PIN,), "1.0.0", "test", AT, {"window": "24h"}, AT, True, (3, 1))
PARITY = Parity("core.plays", D1, "p1", 7, 9, 0, 1, {"late": 1}, {"row": 0.5}, AT)
Value: TypeAlias = Landing | Decision | Tick | Parity
VALUES: dict[str, Value] = {
    "ops.landings": LANDING,
    "ops.heals": DECISION,
    "ops.stream_ticks": TICK,
    "ops.stream_parity": PARITY,
}
#: As earlier versions wrote it.
BODY = (
    '{"bad": [], "good": ["f1"], "landings": [{"batch_id": "b1", "dataset": "raw.plays", "file": "plays.ndjson", '
    '"identity": null, "landing_seq": 7, "received_ts": "2026-03-01T01:02:03.000004+00:00", "rows_in": 3, '
    f'"rows_landed": 2, "rows_quarantined": 1, "sha256": "{"5f" * 32}", "snapshot_id": 5, '
    '"unknown_fields": "{\\"a\\": 2}"}]}'
)


@pytest.mark.parametrize(("dataset", "value"), VALUES.items())
def test_a_register_gives_back_what_was_appended(tmp_path: Path, dataset: str, value: Value) -> None:
    lake, register = make_lake(tmp_path), Register[Any](dataset, type(value))
    assert register.rows(lake) == []
    register.append(lake, [value])
    assert register.rows(lake) == [value]
    instant = "received_ts" if dataset == "ops.landings" else "recorded_ts"
    assert register.rows(lake, f"{instant} < '2026-03-01T00:00:00+00:00'") == []


@pytest.mark.parametrize(("dataset", "value"), VALUES.items())
def test_each_column_of_a_register_is_a_field(tmp_path: Path, dataset: str, value: Value) -> None:
    columns = make_lake(tmp_path).registry.get(dataset).column_names
    assert set(columns) <= {field.name for field in fields(value)}


def test_a_field_that_is_packed_is_text_in_its_row_and_keeps_its_order(tmp_path: Path) -> None:
    lake, register = make_lake(tmp_path), Register("ops.stream_ticks", Tick)
    register.append(lake, [TICK])
    [row] = read_rows(lake, "ops.stream_ticks")
    assert (row["offsets"], row["seconds"]) == ('{"plays/0": 3}', '{"write": 0.5, "audit": 0.25}')
    assert register.rows(lake) == [TICK]


def test_an_empty_text_is_null_in_its_row(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    REGISTER.append(lake, [STREAMED])
    [row], [landing] = read_rows(lake, "ops.landings"), REGISTER.rows(lake)
    assert (row["batch_id"], landing.batch_id, landing.through) == (None, "", {})


def test_rows_of_some_columns_have_those_alone(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    REGISTER.append(lake, [LANDING])
    assert read_rows(lake, "ops.landings", "rows_in > 0", "file") == [{"file": "plays.ndjson"}]


@pytest.mark.parametrize(
    ("landing", "told"),
    [
        (
            LANDING,
            '{"batch_id":"b1","first_seq":0,"reasons":{},"received_ts":"2026-03-01T01:02:03.000004+00:00","rows_in":3,'
            '"rows_landed":2,"rows_quarantined":1,"skewed":0,"unknown_fields":{"a":2,"z":1}}',
        ),
        (
            STREAMED,
            '{"after":{"plays/0":0},"batch_ts":"2026-03-01T01:02:03.000004+00:00","query_id":"q1",'
            '"reasons":{"bad_time":1},"received_ts":"2026-03-01T01:02:03.000004+00:00","rows_in":3,"rows_landed":2,'
            '"rows_quarantined":1,"skewed":1,"through":{"plays/0":3},"topic_id":"t1","unknown_fields":{}}',
        ),
    ],
)
def test_a_summary_tells_of_a_landing_as_earlier_versions_did(landing: Landing, told: str) -> None:
    summary: Mapping[str, str] = landing.to_summary()
    assert summary["matinee.landing"] == told
    restored = Landing.from_summary(summary, 5)
    assert restored.to_summary() == summary
    assert (restored.received_ts, restored.snapshot_id, restored.unknown_fields) == (AT, 5, landing.unknown_fields)


def test_a_batch_comes_back_as_it_was_noted_also_by_earlier_versions() -> None:
    batch = Batch("b1", "raw.plays", (LANDING,), ("f1",), ())
    row: dict[str, Any] = batch.to_row("prepared", AT)
    assert Batch.from_row(row) == batch
    # As earlier versions read it.
    assert json.loads(json.loads(row["body"])["landings"][0]["unknown_fields"]) == LANDING.unknown_fields
    assert "reasons" not in row["body"]
    [older] = Batch.from_row({"batch_id": "b1", "dataset": "raw.plays", "body": BODY}).landings
    assert (older.unknown_fields, older.identity, older.received_ts) == ({"a": 2}, "", AT)


def test_a_run_and_a_withdrawal_are_written_as_earlier_versions_did() -> None:
    at = "2026-03-01T01:02:03.000004+00:00"
    assert RUN.to_summary() == {
        "matinee.publication-id": "p1",
        "matinee.run": f'{{"as_of":"{at}","base_snapshot_id":1,"began":null,"buckets":[3,1],"code_version":"test",'
        '"contract_version":"1.0.0","dataset":"core.plays","first_day":"2026-03-01","heal":true,"key":"2026-03-01",'
        '"last_day":"2026-03-01","parameters":{"window":"24h"},"pins":[{"buckets":null,"dataset":"raw.plays","days":'
        '{"2026-03-01":1,"2026-03-02":2},"landing_seq":7,"sequence_number":6,"snapshot_id":5,"stamps":'
        f'{{"2026-03-01":"5f5f5f5f5f5f5f5f"}}}}],"planned_ts":"{at}","previous":null,"terms":{{}},"way":"",'
        '"why":""}',
    }
    word = Withdrawal("p1", D1, 2, "doubled", AT)
    told = '{"day":"2026-03-01","generation":2,"publication_id":"p1","reason":"doubled"}'
    assert word.to_summary() == {"matinee.withdrawal": told}
    assert (Run.from_summary(RUN.to_summary()), Withdrawal.from_summary(word.to_summary(), AT)) == (RUN, word)


def test_a_ledger_row_of_an_earlier_version_with_fewer_values_is_read() -> None:
    prepared = Publication(RUN, D1, State.PREPARED, 1, AT, 7, changed=(1,), stamps={None: "5f" * 8, 3: ""})
    assert from_row(to_row(prepared)) == prepared
    days = '"first_day": "2026-03-01", "last_day": "2026-03-01", "planned_ts": "2026-03-01"'
    said = f'{{{days}, "as_of": null, "overrides": {{}}}}'
    inputs = '[{"dataset": "raw.plays", "snapshot_id": 5, "sequence_number": 6, "landing_seq": 7, "days": {}}]'
    older = from_row(to_row(prepared) | {"parameters": said, "inputs": inputs, "stamps": None, "rows_in": None})
    assert (older.run.heal, older.run.buckets, older.changed, dict(older.stamps)) == (False, None, None, {})
    assert (older.rows.read, older.run.pins) == (0, (InputPin("raw.plays", 5, 6, 7, {}),))


def test_the_progress_of_a_live_table_is_written_as_earlier_versions_did() -> None:
    done = Progress({"raw.plays": 3}, {"raw.plays": 2}, AT, D1, ("1.0.0", "test"))
    told = (
        '{"as_of":"2026-03-01T01:02:03.000004+00:00","expired":"2026-03-01","made_by":["1.0.0","test"],'
        '"read":{"raw.plays":3},"since":{"raw.plays":2}}'
    )
    assert done.to_summary() == {"matinee.live": told}
    assert Progress.from_summary({"matinee.live": told}) == done
    kept = Progress({}, expired=D2, kept=(D1,))
    assert Progress.from_summary(kept.to_summary()) == kept
    assert Progress.from_summary(Progress({}).to_summary()) == Progress({})
