"""Reports of tries are read from the folder of reports."""

import os
from pathlib import Path

import pytest

from matinee.errors import UnreadableError
from matinee.readout.reports import last_success, read_report
from matinee.report import ErrorReport, Report, report_name
from matinee.settings import load_settings

FAILED = ErrorReport(type="StaleInputsError", message="main moved.", next_step="Run the key again.", retryable=True)


def test_a_report_that_is_cut_off_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(UnreadableError):
        read_report(str(tmp_path / "r.json"), load_settings())


def test_a_step_that_left_no_report_reads_as_none(tmp_path: Path) -> None:
    assert read_report(str(tmp_path / "none.json"), load_settings()) is None


def test_the_newest_success_of_the_same_task_is_taken(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, reports_uri=str(tmp_path))
    for age, (name, report) in enumerate(
        {
            report_name("plays", "r3", "plays.write", 1): Report(step="write", dataset="core.plays", error=FAILED),
            report_name("plays", "r2", "plays.write", 1): Report(step="write", dataset="core.plays", key="second"),
            report_name("plays", "r1", "plays.write", 1): Report(step="write", dataset="core.plays", key="first"),
            report_name("plays", "r2", "plays.audit", 1): Report(step="audit", dataset="core.plays"),
        }.items()
    ):
        report.write(tmp_path / name)
        os.utime(tmp_path / name, (1_000 - age, 1_000 - age))
    newest = last_success(settings, "plays", "plays.write")
    assert newest is not None
    assert newest.key == "second"


def test_a_folder_without_reports_has_no_success(tmp_path: Path) -> None:
    assert last_success(load_settings(home=tmp_path), "plays", "plays.write") is None
