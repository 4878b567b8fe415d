"""`matinee doctor` says whether a watcher looks, and what it cannot see."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.alerts import MINUTE, T0

from matinee.alerts.journal.records import LookNote
from matinee.alerts.journal.store import open_file
from matinee.alerts.journal.tables import LOOKS
from matinee.alerts.settings import journal_file
from matinee.cli.watching import watched
from matinee.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, catalog="embedded", spark_remote=None)


def look(settings: Settings, *blind: str) -> None:
    with closing(open_file(journal_file(settings))) as journal, journal.begin() as entries:
        entries.put(LOOKS, LookNote(T0 - MINUTE, "before"), LookNote(T0, "host-1", blind))


def told(settings: Settings, after: timedelta = MINUTE) -> tuple[object, ...]:
    [row] = watched(settings, T0 + after)
    return row["state"], row["detail"]


def test_a_lake_that_nobody_watches_has_no_row(settings: Settings) -> None:
    assert list(watched(settings, T0)) == []


def test_a_watcher_that_looks_is_all_right(settings: Settings) -> None:
    look(settings)
    assert told(settings) == ("ok", "host-1 looks")


def test_a_watcher_that_looks_no_more_is_a_warning(settings: Settings) -> None:
    look(settings)
    assert told(settings, timedelta(minutes=11)) == ("warning", "no watcher looks")


def test_a_watcher_that_looks_seldom_is_given_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_ALERTS_EVERY", "10m")
    look(settings)
    assert [told(settings, timedelta(minutes=minutes))[0] for minutes in (30, 31)] == ["ok", "warning"]


def test_what_a_watcher_cannot_see_is_a_warning(settings: Settings) -> None:
    look(settings, "failure", "time_to_complete")
    [row] = watched(settings, T0)
    assert row["detail"] == "host-1 looks, but not for failure, time_to_complete"
    assert "MATINEE_ALERTS_AIRFLOW" in str(row["next"])


@pytest.mark.filterwarnings("ignore")
def test_a_journal_that_does_not_answer_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_ALERTS_JOURNAL", "postgresql://u:p@127.0.0.1:9/alerts")
    state, detail = told(settings)
    assert (state, "PostgreSQL at 127.0.0.1" in str(detail)) == ("warning", True)
