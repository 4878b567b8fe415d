"""What errors of the operating system, of drivers and of libraries are among Matinee's errors."""

import errno
import re
import sqlite3
from pathlib import Path

import pytest
from pyiceberg.io import load_file_io
from pyiceberg.manifest import read_manifest_list
from pyiceberg.utils.config import Config
from tests.support.foreign_errors import TERMINAL, TRANSIENT, Postgres, database, name_of, raised

from matinee import errors
from matinee.errors import EnvironmentNotReadyError, InternalError, MatineeError, UnreadableError, UsageError
from matinee.foreign import translated, translating


@pytest.mark.parametrize("error", TRANSIENT, ids=name_of)
def test_an_error_that_may_pass_is_transient(error: BaseException) -> None:
    assert translated(error).retryable


@pytest.mark.parametrize("error", TERMINAL, ids=name_of)
def test_an_error_that_will_not_pass_is_terminal(error: BaseException) -> None:
    assert not translated(error).retryable


@pytest.mark.parametrize("error", [*TRANSIENT, *TERMINAL], ids=name_of)
def test_every_error_says_what_happened_and_what_to_do(error: BaseException) -> None:
    ours = translated(error, "/lake")
    assert isinstance(ours, MatineeError)
    assert type(ours).__name__ in vars(errors)
    assert ours.message.strip()
    assert ours.next_step.strip()
    assert "{" not in ours.message.replace('"{', "")
    assert "\n" not in ours.message


@pytest.mark.parametrize("error", [database("IntegrityError", Postgres(code)) for code in ("23505", "42P06", "42P07")])
def test_what_another_process_has_made_first_is_a_lost_race(error: BaseException) -> None:
    assert type(translated(error)) is errors.CommitConflictError


def test_an_error_of_matinee_stays_as_it_is() -> None:
    error = UsageError("no", next_step="yes")
    assert translated(error) is error
    with pytest.raises(UsageError) as told, translating():
        raise error
    assert told.value is error


def test_a_fault_names_its_place_and_keeps_its_traceback() -> None:
    with pytest.raises(InternalError, match=r"Unexpected KeyError: 'x' \(test_foreign.py:\d+\)") as told, translating():
        _ = dict[str, str]()["x"]
    assert "Traceback" in str(told.value.facts["traceback"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "open no more files: .*ulimit -n"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "another thread or process: .*ulimit -u"),
        (RuntimeError("can't start new thread"), "another thread or process: .*ulimit -u"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "no memory left"),
    ],
)
def test_a_limit_of_the_process_is_named(error: Exception, said: str) -> None:
    assert re.search(said, str(translated(error)))


def test_the_first_error_of_a_group_is_told() -> None:
    assert "first" in translated(ExceptionGroup("", [KeyError("first"), KeyError("second")])).message


@pytest.mark.parametrize("sqlite", [b"no database" * 100, None], ids=["garbage", "cut off"])
def test_a_damaged_catalog_is_a_lost_catalog(sqlite: bytes | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("lake") / "catalog.db"
    if sqlite is None:
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE t AS SELECT zeroblob(100000)")
        connection.close()
        sqlite = file.read_bytes()[:5000]
    file.write_bytes(sqlite)
    connection = sqlite3.connect(file)
    error = raised(lambda: connection.execute("SELECT * FROM t").fetchall())
    connection.close()
    ours = translated(database("DatabaseError", error))
    assert type(ours) is errors.CatalogLostError
    assert "lake restore" in ours.next_step


def test_a_value_that_pyiceberg_refuses_is_no_fault_of_matinee() -> None:
    with pytest.raises(UnreadableError, match=r"not as PyIceberg expects: .*bogus") as told, translating():
        load_file_io({"py-io-impl": "bogus"})
    assert "Traceback" in str(told.value.facts["traceback"])


@pytest.mark.parametrize("content", [b"garbage" * 50, b"Obj\x01" + b"\xff" * 50, b"Obj\x01", b""])
def test_a_damaged_avro_file_of_a_table_is_no_fault_of_matinee(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "snap.avro").write_bytes(content)
    with pytest.raises(UnreadableError), translating():
        list(read_manifest_list(load_file_io().new_input(str(tmp_path / "snap.avro"))))


@pytest.mark.parametrize("content", ["- x", "a: ["])
def test_an_odd_configuration_of_pyiceberg_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / ".pyiceberg.yaml").write_text(content)
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    with pytest.raises(EnvironmentNotReadyError, match="PyIceberg's own configuration"), translating():
        Config()
