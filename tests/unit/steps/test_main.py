"""The entry points of the jobs: exit codes, and a report whatever happens."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
from tests.support.foreign_errors import TERMINAL, TRANSIENT, name_of
from tests.support.openlineage import check

from matinee.errors import MatineeError, kind_named
from matinee.hooks import registered
from matinee.report import Report
from matinee.settings import Settings
from matinee.steps.main import HOOK, main


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))


def test_a_step_that_worked_exits_0_and_leaves_its_report(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "r.json"
    assert main("maintain", ["--what", "recover", "--report", str(path)]) == 0
    assert Report.read(path).step == "recover"


def test_a_step_that_failed_exits_1_and_its_report_holds_the_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "compact", "--dataset", "core.players", "--report", str(path)]) == 1
    error = Report.read(path).error
    assert error is not None
    assert (error.type, error.retryable) == ("UnknownDatasetError", False)
    assert "core.plays" in error.next_step


def test_a_wrong_call_exits_2_with_a_report(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "expire", "--dataset", "core.plays", "--report", str(path)]) == 2
    error = Report.read(path).error
    assert error is not None
    assert "--now" in error.next_step


def test_the_entry_point_lists_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(None, ["--help"])
    assert stopped.value.code == 0
    listed = capsys.readouterr().out
    assert [name for name in registered(HOOK) if f"\n    {name} " not in listed] == []


def test_a_step_of_another_package_gets_the_arguments_of_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def route(_: Settings, from_: Annotated[Sequence[str], "which files"], route_id: str | None = None) -> Report:
        """Route rows.

        Raises: nothing.
        """
        return Report(step="route", dataset=",".join(from_), key=route_id)

    monkeypatch.setitem(registered(HOOK), "route", SimpleNamespace(load=lambda: route))  # type: ignore[arg-type]
    path = tmp_path / "r.json"
    assert main("route", ["--from", "a", "b", "--report", str(path)]) == 0
    assert (Report.read(path).dataset, Report.read(path).key) == ("a,b", None)
    assert main(None, ["route", "--from", "a", "--route-id", "7", "--report", str(path)]) == 0
    assert Report.read(path).key == "7"
    with pytest.raises(SystemExit):
        main("route", ["--help"])
    helped = capsys.readouterr().out
    assert "which files" in helped
    assert "Route rows." in helped
    assert "Raises" not in helped


def test_a_missing_argument_exits_2() -> None:
    with pytest.raises(SystemExit) as stopped:
        main("write", ["--dataset", "core.plays"])
    assert stopped.value.code == 2


def test_settings_that_are_not_usable_are_a_typed_error_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_CATALOG", "postgres")
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "recover", "--report", str(path)]) == 1
    error = Report.read(path).error
    assert error is not None
    assert error.type == "SettingsError"


def test_an_error_that_nobody_expected_is_reported_as_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Settings, what: str) -> Report:
        raise KeyError(what)

    monkeypatch.setitem(registered(HOOK), "maintain", SimpleNamespace(load=lambda: broken))  # type: ignore[arg-type]
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "recover", "--report", str(path)]) == 1
    error = Report.read(path).error
    assert error is not None
    assert (error.type, error.retryable) == ("InternalError", False)
    assert "KeyError: 'recover'" in error.message
    assert "Traceback" in error.facts["traceback"]


@pytest.mark.parametrize("thrown", [*TRANSIENT, *TERMINAL], ids=name_of)
def test_whatever_a_step_raises_is_a_typed_error_of_its_report(
    thrown: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings, what: str) -> Report:
        raise thrown

    monkeypatch.setitem(registered(HOOK), "maintain", SimpleNamespace(load=lambda: broken))  # type: ignore[arg-type]
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "recover", "--report", str(path)]) in {1, 2}
    error = Report.read(path).error
    assert error is not None
    assert issubclass(kind_named(error.type) or Exception, MatineeError)
    assert error.retryable == (thrown in TRANSIENT)
    assert error.next_step


def test_a_step_that_cannot_be_loaded_is_a_typed_error_of_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> object:
        raise ImportError("no module named pandas")

    monkeypatch.setitem(registered(HOOK), "maintain", SimpleNamespace(load=load))  # type: ignore[arg-type]
    path = tmp_path / "r.json"
    assert main("maintain", ["--what", "recover", "--report", str(path)]) == 1
    report = Report.read(path)
    assert (report.step, report.error and report.error.type) == ("maintain", "EnvironmentNotReadyError")


def test_a_report_that_cannot_be_written_fails_the_step(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert main("maintain", ["--what", "recover", "--report", str(tmp_path / "file" / "r.json")]) == 1
    assert "The disk refuses" in caplog.text


def test_landing_from_an_empty_directory_is_nothing_to_do(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert main("ingest", ["--dataset", "raw.plays", "--from", f"{tmp_path}/plays*", "--report", str(path)]) == 0
    assert Report.read(path).details == {"files": 0}


def test_openlineage_is_told_of_a_step_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = tmp_path / "events.json"
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(events), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    call = ["--dataset", "core.plays", "--publication-id", "core_plays_20260301_1", "--report", str(tmp_path / "r")]
    assert main("publish", call) != 0
    [line] = events.read_text().splitlines()
    event = check(json.loads(line))
    assert (event["eventType"], event["job"]["name"]) == ("FAIL", "core.plays")
    assert "was not prepared" in event["run"]["facets"]["errorMessage"]["message"]
