"""An outdated day is valid, and its input days that hold other rows are counted; an invalid day is told apart."""

import json
from datetime import date, timedelta

import pytest
from tests.support.lakes import kept
from tests.support.weeks import (
    BEGIN,
    PLAYS,
    W1,
    W2,
    WEEKS,
    publish_plays,
    publish_week,
    weekly,
    with_plays,
    withdraw_day,
)

from matinee.cli.main import main
from matinee.ledger.ledger import history
from matinee.table.catalog import Lake
from matinee.validity.outdated import OtherRows, other_rows
from matinee.validity.validity import Validity

kept_lake, lake = kept(with_plays, weekly("history: newest", of_input="on_restated: outdated"))
MONDAY = W1 + timedelta(days=1)


def others(lake: Lake, key: date) -> list[OtherRows]:
    validity = Validity(lake)
    newest = validity.history(WEEKS).newest(key)
    assert newest is not None
    return other_rows(validity, newest)


def explain(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    monkeypatch.setenv("MATINEE_SQL_DIR", str(lake.settings.sql_dir))
    main(["vtts", "explain", WEEKS, *more])
    return capsys.readouterr().out


def test_a_key_whose_inputs_are_as_it_read_them_is_not_outdated(lake: Lake) -> None:
    publish_week(lake, W2)
    assert others(lake, W2) == []


def test_days_that_hold_other_rows_are_counted_with_their_rows(lake: Lake) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [MONDAY, W2], generation=2, stamp="b" * 16)
    assert others(lake, W2) == [OtherRows(PLAYS, (MONDAY, W2), 2)]


def test_a_day_that_another_key_reads_does_not_count(lake: Lake) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [BEGIN, W1], generation=2, stamp="b" * 16)
    assert others(lake, W2) == []


def test_explain_tells_an_outdated_key_with_days_and_rows(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [W2], generation=2, stamp="b" * 16)
    said = " ".join(explain(lake, monkeypatch, capsys).split())
    assert "can be trusted through 2026-03-09" in said
    assert f"valid and outdated: 1 days of {PLAYS} ({W2}) hold other rows than were read, 1 by now." in said
    told = json.loads(explain(lake, monkeypatch, capsys, "--output", "json"))
    assert told["outdated"] == [{"dataset": PLAYS, "days": [str(W2)], "rows": 1}]


def test_explain_names_what_makes_a_key_invalid(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_week(lake, W1)
    publish_week(lake, W2)
    withdraw_day(lake, PLAYS, W2)
    said = explain(lake, monkeypatch, capsys)
    assert "can be trusted through 2026-03-02" in said
    assert f"{WEEKS} {W2}: its input {PLAYS} {W2} is not valid" in said
    assert "outdated" not in said
    assert history(lake, WEEKS).newest(W2) is not None
