"""Another number of buckets: a backfill writes each day whole in it; until then the day is read as it was written."""

import hashlib
import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from tests.integration.test_new_source import SEARCHES, close, extended, land, search
from tests.support.kills import die
from tests.support.lakes import D1, D2, land_days

from matinee.contracts.model import live_name
from matinee.engine.tables.sail_tables import FileTables
from matinee.errors import InputsNotValidError
from matinee.healing.contract_changes import contract_changes
from matinee.healing.forecast import forecast
from matinee.ledger.ledger import history
from matinee.live.tick import tick
from matinee.maintenance.compaction import compact
from matinee.parity.gate import judge
from matinee.publication.reaudit import audit_published
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Engine, Settings
from matinee.sources.files.folder import Folder
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
__all__ = ["extended"]
ACCOUNTS = 24
NEW = ("buckets: 4", "buckets: 16"), ("maximum: 3", "maximum: 15"), ("version: 1.0.0", "version: 1.1.0")
LIVE = live_name(SEARCHES)
CORE = ["core.impressions", "core.plays", "core.play_attributions", "core.impression_plays"]


@pytest.fixture
def folder(extended: Settings, tmp_path: Path) -> Path:
    """A landing folder of which two days are published in 4 buckets; the contract now says 16."""
    landing_folder = tmp_path / "landing"
    landing_folder.mkdir()
    for day in (D1, D2):
        lines = [search(f"{day}-{number}", f"account {number}", day) for number in range(ACCOUNTS)]
        land(extended, landing_folder, f"{day}", *lines)
        close(extended, landing_folder, day, ACCOUNTS)
    run(extended, RunRequest(SEARCHES, D1, D2))
    relabel(extended, *NEW)
    return landing_folder


def relabel(settings: Settings, *changes: tuple[str, str]) -> None:
    """Change the contract of the searches."""
    file = settings.sql_dir / "core" / "searches" / "contract.odcs.yaml"
    text = file.read_text()
    for before, after in changes:
        text = text.replace(before, after)
    file.write_text(text)


def rows(settings: Settings, dataset: str = SEARCHES) -> dict[date, list[tuple[str, int]]]:
    """By day the searches of the table, each with its bucket."""
    searches = defaultdict(list)
    for row in Lake.open(settings).table(dataset).scan().to_arrow().to_pylist():
        searches[row["search_day"]].append((row["search_id"], row["account_bucket"]))
    return {day: sorted(of_day) for day, of_day in searches.items()}


def expected(day: date, buckets: int, *late: str) -> list[tuple[str, int]]:
    """Return the searches of a day in so many buckets; late searches are those of account 1."""
    accounts = {f"{day}-{number}": f"account {number}" for number in range(ACCOUNTS)} | dict.fromkeys(late, "account 1")
    return sorted((name, hashed(account) % buckets) for name, account in accounts.items())


def hashed(name: str) -> int:
    return int(hashlib.md5(name.encode()).hexdigest()[:7], 16)  # noqa: S324 - no secret


def heal(settings: Settings, day: date) -> tuple[int, ...] | None:
    run(settings, RunRequest(SEARCHES, day, day, heal=True))
    newest = history(Lake.open(settings), SEARCHES).newest(day)
    assert newest is not None
    return newest.run.buckets


def test_a_backfill_writes_day_after_day_whole_in_the_new_number(extended: Settings, folder: Path) -> None:
    changes = ("contract: 1.0.0 ▸ 1.1.0", "cells.buckets: 4 ▸ 16")
    [planned] = contract_changes(Lake.open(extended))
    assert (planned.changes, planned.days) == (changes, (D1, D2))
    assert rows(extended) == {D1: expected(D1, 4), D2: expected(D2, 4)}
    run(extended, RunRequest(SEARCHES, D1, D1))
    assert rows(extended) == {D1: expected(D1, 16), D2: expected(D2, 4)}
    [planned] = contract_changes(Lake.open(extended))
    assert (planned.changes, planned.days) == (changes, (D2,))
    assert all(verdict.verdict != "fail" for day in (D1, D2) for verdict in audit_published(extended, SEARCHES, day))
    run(extended, RunRequest(SEARCHES, D2, D2))
    assert rows(extended) == {D1: expected(D1, 16), D2: expected(D2, 16)}
    assert list(contract_changes(Lake.open(extended))) == []
    assert [Validity(Lake.open(extended)).status(SEARCHES, day).valid for day in (D1, D2)] == [True, True]


@pytest.mark.slow
def test_live_rows_move_into_the_new_number_and_agree_after_the_backfill(extended: Settings, folder: Path) -> None:
    relabel(extended, *((after, before) for before, after in NEW))
    tick(extended, Folder(folder))
    assert rows(extended, LIVE) == rows(extended)
    relabel(extended, *NEW)
    planned = {change.dataset: change for change in contract_changes(Lake.open(extended))}[LIVE]
    assert (planned.changes, planned.days) == (("cells.buckets: 4 ▸ 16",), (D1, D2))
    tick(extended, Folder(folder))
    assert rows(extended, LIVE) == {D1: expected(D1, 16), D2: expected(D2, 16)}
    assert LIVE not in {change.dataset for change in contract_changes(Lake.open(extended))}
    with pytest.raises(InputsNotValidError, match="is published in 4 buckets; its contract has 16"):
        judge(extended)
    run(extended, RunRequest(SEARCHES, D1, D2))
    assert {(parity.day, parity.differing) for parity in judge(extended)} == {(D1, 0), (D2, 0)}


@pytest.mark.slow
def test_late_rows_move_a_whole_day_into_the_new_number_of_buckets(extended: Settings, folder: Path) -> None:
    land(extended, folder, "late", search("late", "account 1", D1))
    assert [planned.cells for planned in forecast(Lake.open(extended))] == [None]
    assert heal(extended, D1) is None
    assert rows(extended) == {D1: expected(D1, 16, "late"), D2: expected(D2, 4)}


@pytest.mark.slow
def test_late_rows_are_healed_by_cell_once_earlier_days_are_rebucketed(extended: Settings, folder: Path) -> None:
    run(extended, RunRequest(SEARCHES, D2, D2))
    land(extended, folder, "late", search("late", "account 1", D2))
    assert heal(extended, D2) is None  # Audits would compare a cell with a cell of other accounts.
    run(extended, RunRequest(SEARCHES, D1, D1))
    land(extended, folder, "later", search("later", "account 1", D2))
    assert heal(extended, D2) == (dict(expected(D2, 16, "later"))["later"],)
    assert rows(extended) == {D1: expected(D1, 16), D2: expected(D2, 16, "late", "later")}


@pytest.mark.parametrize(
    "point",
    [
        "write.after_commit",
        pytest.param("publish.before_move", marks=pytest.mark.slow),
        pytest.param("publish.after_move", marks=pytest.mark.slow),
    ],
)
def test_a_backfill_that_is_killed_leaves_each_day_in_one_number(
    extended: Settings, folder: Path, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATINEE_SQL_DIR", str(extended.sql_dir))
    die(extended, point, tmp_path / "marker", "-m", "matinee.cli.main", "run", SEARCHES, "--key", str(D1))
    after = 16 if point == "publish.after_move" else 4
    assert rows(extended) == {D1: expected(D1, after), D2: expected(D2, 4)}
    run(extended, RunRequest(SEARCHES, D1, D2))
    assert rows(extended) == {D1: expected(D1, 16), D2: expected(D2, 16)}
    assert list(contract_changes(Lake.open(extended))) == []


@pytest.mark.slow
def test_a_compaction_keeps_each_day_in_its_number(extended: Settings, folder: Path) -> None:
    run(extended, RunRequest(SEARCHES, D1, D1))
    before = rows(extended)
    compact(extended, SEARCHES)
    assert rows(extended) == before
    assert Validity(Lake.open(extended)).status(SEARCHES, D1).valid


@pytest.mark.parametrize("engine", [pytest.param("spark", marks=pytest.mark.slow), "sail"])
def test_what_reads_days_in_the_old_number_comes_out_in_the_new_one(
    settings: Settings, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileTables, "cell_rows", 0)
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    of_lake = settings.model_copy(update={"sql_dir": sql, "engine": engine})
    land_days(Lake.open(of_lake), D1, D2)
    for dataset in CORE:
        run(of_lake, RunRequest(dataset, D1, D2))
    before = {dataset: without_buckets(of_lake, dataset) for dataset in CORE}
    assert {number(of_lake, dataset) for dataset in CORE} == {8}
    for dataset in CORE:
        file = sql / dataset.replace(".", "/") / "contract.odcs.yaml"
        text = file.read_text().replace("buckets: 8", "buckets: 16").replace("maximum: 7", "maximum: 15")
        file.write_text(text.replace("version: 1.0.0", "version: 1.1.0", 1))
    for dataset in reversed(CORE):  # A dataset derived before its inputs reads them as they are.
        run(of_lake, RunRequest(dataset, D1, D2))
        assert number(of_lake, dataset) == 16
    for dataset in CORE:
        run(of_lake, RunRequest(dataset, D1, D2))
    assert {number(of_lake, dataset) for dataset in CORE} == {16}
    assert {dataset: without_buckets(of_lake, dataset) for dataset in CORE} == before
    assert list(contract_changes(Lake.open(of_lake))) == []


def read(settings: Settings, dataset: str) -> list[dict[str, object]]:
    return list(Lake.open(settings).table(dataset).scan().to_arrow().to_pylist())


def without_buckets(settings: Settings, dataset: str) -> list[str]:
    return sorted(str(row | {"profile_bucket": None}) for row in read(settings, dataset))


def number(settings: Settings, dataset: str) -> int | None:
    """The number of buckets that the rows of a dataset are in; None where some are in another."""
    pairs = {(hashed(str(row["profile_id"])), row["profile_bucket"]) for row in read(settings, dataset)}
    fitting = [count for count in (8, 16) if all(of_name % count == bucket for of_name, bucket in pairs)]
    return fitting[0] if len(fitting) == 1 else None
