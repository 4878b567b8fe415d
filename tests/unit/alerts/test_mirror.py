"""The incidents of the journal stand in the lake, once each, as they are now; a lake that is down stops nothing."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, day, journal_in, rule, signal
from tests.support.lakes import make_lake

from matinee.alerts import mirror as mirrors
from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import INCIDENTS
from matinee.alerts.mirror import EACH, TABLE, Mirror, mirror
from matinee.alerts.people import acknowledge, resolve
from matinee.settings import load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import read_rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = journal_in(tmp_path)
    yield journal
    journal.close()


def see(journal: Journal, *signals: object, minutes: int = 0) -> list[str]:
    """Look once, and return the incidents that changed."""
    with journal.begin() as entries:
        changes = evaluate(entries, signals, [rule()], T0 + minutes * MINUTE, ())  # type: ignore[arg-type]
    return [change.incident.incident_id for change in changes]


def copy(lake: Lake, journal: Journal) -> bool:
    with journal.look() as entries:
        return mirror(lake, entries.all(INCIDENTS))


def rows(lake: Lake) -> list[tuple[object, ...]]:
    told = read_rows(lake, TABLE)
    return sorted((row["subject"], row["first_day"], row["state"], row["verdict"]) for row in told)


def test_each_incident_has_one_row_which_says_how_it_is_now(lake: Lake, journal: Journal) -> None:
    [catalog] = see(journal, signal(CATALOG))
    assert copy(lake, journal)
    assert rows(lake) == [("catalog", None, "open", None)]
    see(journal, signal(CATALOG), signal(day(3)), minutes=1)
    acknowledge(journal, catalog, "ada", "I look", T0 + 2 * MINUTE)
    assert copy(lake, journal)
    assert rows(lake) == [("catalog", None, "acknowledged", None), ("core.plays", day(3).first, "open", None)]
    resolve(journal, catalog, "noise", "ada", "a test", T0 + 3 * MINUTE)
    assert copy(lake, journal)
    assert rows(lake)[0] == ("catalog", None, "resolved", "noise")


def test_a_copy_of_what_is_there_makes_no_commit(lake: Lake, journal: Journal) -> None:
    see(journal, signal(CATALOG))
    copy(lake, journal)
    head = refs.head(lake.table(TABLE))
    assert not copy(lake, journal)
    assert refs.head(lake.table(TABLE)) == head


def test_incidents_that_the_journal_has_forgotten_go(lake: Lake, journal: Journal) -> None:
    see(journal, signal(CATALOG))
    see(journal, minutes=1)
    see(journal, minutes=20)
    copy(lake, journal)
    with journal.begin() as entries:
        entries.prune(T0 + timedelta(days=1))
    assert copy(lake, journal)
    assert rows(lake) == []


def test_a_lake_without_incidents_gets_no_table(lake: Lake, journal: Journal) -> None:
    assert not copy(lake, journal)
    assert not lake.exists(TABLE)


def test_files_of_copies_do_not_pile_up(lake: Lake, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.table.registers.GRACE", timedelta(0))
    for minute in range(8):
        see(journal, signal(day(2 * minute + 1)) if minute < 5 else signal(CATALOG), minutes=minute)
        copy(lake, journal)
    assert len(lake.table(TABLE).metadata.snapshots) < 8
    assert len(list(lake.table(TABLE).scan().plan_files())) == 1


def test_a_secret_in_a_cause_is_masked(lake: Lake, journal: Journal) -> None:
    told = signal(CATALOG)
    see(journal, type(told)(**{**vars(told), "says": "no answer, password=hunter2"}))
    copy(lake, journal)
    [row] = read_rows(lake, TABLE)
    assert (row["cause"], row["witnesses"], row["rules"]) == ("no answer, password=***", 1, '["failure_page"]')


@pytest.mark.filterwarnings("ignore")
def test_a_catalog_that_is_down_delays_the_copy(lake: Lake, journal: Journal, tmp_path: Path) -> None:
    see(journal, signal(CATALOG))
    uri = "postgresql://u:p@127.0.0.1:9/lake"
    copier = Mirror(load_settings(home=tmp_path, catalog="postgres", catalog_uri=uri, warehouse=str(tmp_path / "w")))
    copier.start(journal, T0)
    copier.wait(20)
    copier._settings = lake.settings  # The catalog is there again.
    for at, copied in ((T0 + EACH - MINUTE, False), (T0 + EACH, True)):
        copier.start(journal, at)
        copier.wait(20)
        assert lake.exists(TABLE) is copied


def test_a_catalog_that_hangs_holds_up_no_look(lake: Lake, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, begun = threading.Event(), list[int]()

    def hang(*_: object) -> bool:
        begun.append(1)
        return gate.wait(20)

    monkeypatch.setattr(mirrors, "mirror", hang)
    see(journal, signal(CATALOG))
    copier = Mirror(lake.settings)
    for number in range(3):
        copier.start(journal, T0 + number * EACH)
    gate.set()
    copier.wait(20)
    assert begun == [1]


def test_news_after_quiet_looks_is_copied_at_once(lake: Lake, journal: Journal) -> None:
    copier = Mirror(lake.settings)
    for minute in range(3):
        if minute == 2:
            see(journal, signal(CATALOG), minutes=minute)
        copier.start(journal, T0 + minute * MINUTE)
        copier.wait(20)
    assert rows(lake) == [("catalog", None, "open", None)]


def test_what_has_not_changed_is_not_compared(lake: Lake, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = list[int]()
    monkeypatch.setattr(mirrors, "mirror", lambda *_: copies.append(1))
    copier = Mirror(lake.settings)
    for number, is_news in enumerate((True, False, True)):
        if is_news:
            see(journal, signal(day(number + 1)), minutes=number)
        copier.start(journal, T0 + number * EACH)
        copier.wait(20)
    assert copies == [1, 1]
