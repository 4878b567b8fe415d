"""The latest rows of the ledger are the rows that a full scan finds, whatever happened to their side file."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.table import DataScan, Table
from tests.support.lakes import D1, D2, D3, PLANNED, make_lake

from matinee.errors import CatalogUnavailableError
from matinee.ledger import latest as module
from matinee.ledger.latest import LEDGER
from matinee.ledger.ledger import history, record, recorded
from matinee.ledger.model import Publication, Run, State, from_row
from matinee.ledger.notes import Note
from matinee.ledger.recovery import recover
from matinee.report import Verdict
from matinee.table import refs, registers
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

DATASET, OTHER = "core.plays", "core.impressions"
FAILED = Verdict(audit="a", severity="blocking", verdict="fail", bad_rows=2)
PASSED = Verdict(audit="b", severity="blocking", verdict="pass")


@pytest.fixture(autouse=True)
def new_process() -> None:
    module._seen.clear()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def publication(
    name: str = "one", day: date = D1, state: State = State.PREPARED, minute: int = 0, dataset: str = DATASET
) -> Publication:
    run = Run(name, dataset, day.isoformat(), day, day, 1, (), "1.0.0", "test", PLANNED)
    return Publication(run, day, state, 1, PLANNED + timedelta(minutes=minute), verdicts=(PASSED,))


def side_file(lake: Lake, dataset: str = DATASET) -> Path:
    return lake.settings.home / "warehouse" / "ops" / "_derived" / "publications" / f"{dataset}.arrow"


def scanned(lake: Lake, dataset: str = DATASET) -> dict[tuple[str, date], Publication]:
    """Return the records that hold, by a scan of the whole ledger."""
    rows = map(from_row, lake.table(LEDGER).scan().to_arrow().to_pylist())
    order = {State.PREPARED: 0, State.ABANDONED: 0, State.PUBLISHED: 1, State.WITHDRAWN: 2}
    ordered = sorted(rows, key=lambda row: (order[row.state], row.recorded_ts))
    return {(row.publication_id, row.day): row for row in ordered if row.run.dataset == dataset}


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files of the ledger each reading of rows opened."""
    opened: list[int] = []
    read = module._rows

    def counted(scan: DataScan, files: dict[str, object], known: frozenset[str]) -> object:
        opened.append(len(files.keys() - known))
        return read(scan, files, known)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_rows", counted)
    return opened


def test_what_was_read_once_is_not_read_again(lake: Lake, read_files: list[int]) -> None:
    record(lake, [publication()])
    assert recorded(lake, DATASET) == recorded(lake, DATASET) == scanned(lake)
    assert read_files == [1]


def test_only_files_that_have_come_since_are_read(lake: Lake, read_files: list[int]) -> None:
    record(lake, [publication("one")])
    recorded(lake, DATASET)
    record(lake, [publication("two", D2)])
    assert recorded(lake, DATASET) == scanned(lake)
    assert read_files == [1, 1]


def test_rows_of_other_datasets_open_no_file(lake: Lake, read_files: list[int]) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    record(lake, [publication("two", dataset=OTHER)])
    assert recorded(lake, DATASET) == scanned(lake)
    assert read_files == [1]


def test_of_a_gathered_ledger_the_one_new_file_is_read(
    lake: Lake, read_files: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(lake, [publication("first")])
    monkeypatch.setattr(registers, "SMALL_BYTES", 0)
    for minute, state in enumerate((State.PREPARED, State.PUBLISHED)):
        record(lake, [publication(state=state, minute=minute)])
        recorded(lake, DATASET)
    monkeypatch.setattr(registers, "MANY", 2)
    monkeypatch.setattr(registers, "SMALL_BYTES", 2**20)
    assert registers.gather(lake, LEDGER) == (3, 1)
    module._seen.clear()
    assert recorded(lake, DATASET) == scanned(lake)
    assert len(recorded(lake, DATASET)) == 2
    assert read_files == [2, 1, 1]


def test_another_process_reads_what_is_kept(lake: Lake, read_files: list[int]) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    module._seen.clear()
    assert recorded(lake, DATASET) == scanned(lake)
    assert read_files == [1]


def test_rows_of_a_ledger_that_was_set_back_are_forgotten(lake: Lake) -> None:
    record(lake, [publication("one")])
    before = refs.head(lake.table(LEDGER))
    record(lake, [publication("two")])
    assert len(recorded(lake, DATASET)) == 2
    table = lake.table(LEDGER)
    refs.move_branch(table, "main", before, expected=refs.head(table))
    record(lake, [publication("three")])
    assert {identity for identity, _ in recorded(lake, DATASET)} == {"one", "three"}


def test_a_side_file_of_an_earlier_form_counts_as_none(lake: Lake) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    length = int.from_bytes(side_file(lake).read_bytes()[:8], "big")
    for earlier in (b"ARROW1\0\0" + side_file(lake).read_bytes()[8 : 8 + length], b"\0" * 8):
        side_file(lake).write_bytes(earlier + hashlib.sha256(earlier).digest())
        module._seen.clear()
        assert recorded(lake, DATASET) == scanned(lake)


def test_a_ledger_that_was_set_back_before_the_first_row_has_no_record(lake: Lake) -> None:
    table = lake.ensure(LEDGER)
    before = refs.head(table)
    lake.ensure(DATASET)
    record(lake, [publication()])
    assert history(lake, DATASET).open()
    table = lake.table(LEDGER)
    refs.move_branch(table, "main", before, expected=refs.head(table))
    published = history(lake, DATASET)
    assert (published.open(), published.notes(), published.unsettled(), recover(lake, DATASET)) == ((), (), (), ())
    assert (published.newest(D1), published.identities(), published.newest_columns) == (None, set(), None)
    assert not Validity(lake).status(DATASET, D1).valid


def test_versions_before_find_that_the_form_is_another_one(lake: Lake) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    last = pa.ipc.open_file(side_file(lake).read_bytes()[:-32])
    assert json.loads(last.schema.metadata[b"matinee.marks"]) == {"form": 4}


@pytest.mark.parametrize("damage", ["cut off", "empty", "another byte", "no Arrow file"])
def test_a_side_file_that_is_damaged_counts_as_none(lake: Lake, damage: str) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    whole = side_file(lake).read_bytes()
    middle = len(whole) // 2
    other = bytes([whole[middle] ^ 1])
    damaged = {"cut off": whole[:-9], "empty": b"", "another byte": whole[:middle] + other + whole[middle + 1 :]}
    side_file(lake).write_bytes(damaged.get(damage, b"x" * 99))
    module._seen.clear()
    assert recorded(lake, DATASET) == scanned(lake)
    assert side_file(lake).read_bytes() == whole


def test_a_side_file_of_another_ledger_counts_as_none(lake: Lake, tmp_path: Path) -> None:
    other = make_lake(tmp_path / "other")
    for target, name in ((lake, "here"), (other, "there")):
        record(target, [publication(name)])
        recorded(target, DATASET)
    side_file(lake).write_bytes(side_file(other).read_bytes())
    module._seen.clear()
    assert {identity for identity, _ in recorded(lake, DATASET)} == {"here"}


def test_where_nothing_can_be_written_the_ledger_is_read(lake: Lake) -> None:
    record(lake, [publication()])
    (lake.settings.home / "warehouse" / "ops" / "_derived").write_text("a file where the folder would be")
    assert recorded(lake, DATASET) == recorded(lake, DATASET) == scanned(lake)


def test_only_its_owner_can_read_a_side_file(lake: Lake) -> None:
    record(lake, [publication()])
    recorded(lake, DATASET)
    assert (side_file(lake).stat().st_mode & 0o777, side_file(lake).parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in side_file(lake).parent.iterdir()] == [f"{DATASET}.arrow"]


def test_readers_at_once_read_the_same(lake: Lake) -> None:
    record(lake, [publication()])
    readings: list[object] = []
    readers = [Thread(target=lambda: readings.append(dict(recorded(lake, DATASET)))) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert readings == [scanned(lake)] * 4


def test_a_catalog_that_does_not_answer_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    record(lake, [publication()])

    def broken(*_: object) -> Table:
        raise OSError("gone")

    monkeypatch.setattr(lake.catalog, "load_table", broken)
    with pytest.raises(CatalogUnavailableError):
        recorded(lake, DATASET)


def test_a_note_tells_what_its_publication_does(lake: Lake) -> None:
    record(lake, [replace(publication(), verdicts=(PASSED, FAILED), recorded_ts=datetime(2026, 3, 1, 1, 2, 3, 4, UTC))])
    published = history(lake, DATASET)
    [note] = published.notes()
    assert note == Note.of(published.of(note))
    assert (note.blocked, note.recorded_ts) == (True, published.of(note).recorded_ts)


def test_a_look_at_all_notes_reads_no_publication(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    record(lake, [publication(day=day, state=State.PUBLISHED) for day in (D1, D2, D3)])
    published, read = history(lake, DATASET), list[object]()
    monkeypatch.setattr(module, "from_row", lambda row: read.append(row) or from_row(row))
    assert [*published.newest_notes] == [D1, D2, D3] == [*published.by_day]
    assert (len(read), published.newest(D2).day, len(read)) == (0, D2, 1)  # type: ignore[union-attr]


def test_a_row_in_a_file_between_two_of_a_gathered_one_does_not_stand(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registers, "MANY", 99)
    large = tuple(PASSED.model_copy(update={"audit": f"{number * 7919}"}) for number in range(300))
    for minute, state in enumerate((State.PREPARED, State.PUBLISHED, State.WITHDRAWN)):
        entry = publication(state=state, minute=minute)
        record(lake, [replace(entry, verdicts=large) if state is State.PUBLISHED else entry])
    sizes = sorted(task.file.file_size_in_bytes for task in lake.table(LEDGER).scan().plan_files())
    monkeypatch.setattr(registers, "MANY", 2)
    monkeypatch.setattr(registers, "SMALL_BYTES", sizes[2])
    assert registers.gather(lake, LEDGER) == (3, 2)
    assert recorded(lake, DATASET) == scanned(lake)
    assert [row.state for row in recorded(lake, DATASET).values()] == [State.WITHDRAWN]


def test_a_ledger_that_gets_a_column_is_read_again(lake: Lake) -> None:
    record(lake, [publication("one")])
    with lake.table(LEDGER).update_schema() as change:
        change.delete_column("stamps")
    assert len(recorded(lake, DATASET)) == 1
    record(lake, [publication("two")])
    assert len(recorded(lake, DATASET)) == 2


STEP = st.one_of(
    st.tuples(st.sampled_from("ab"), st.sampled_from([D1, D2]), st.sampled_from(State), st.integers(0, 9)),
    st.sampled_from(["gather", "look", "forget", "end the process"]),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(STEP, min_size=3, max_size=7))
def test_they_are_those_of_a_scan_after_appends_gathering_and_looks(steps: list[object]) -> None:
    with TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(registers, "MANY", 2)
        lake = make_lake(Path(home))
        record(lake, [publication("first")])
        for minute, step in enumerate(steps):
            if isinstance(step, tuple):
                record(lake, [publication(step[0], step[1], step[2], step[3] * 10 + minute)])
            elif step == "gather":
                registers.gather(lake, LEDGER)
            elif step == "look":
                recorded(lake, DATASET)
            elif step == "forget":
                side_file(lake).unlink(missing_ok=True)
            else:
                module._seen.clear()
        assert recorded(lake, DATASET) == scanned(lake)
