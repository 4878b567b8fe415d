"""Failed steps are counted by the classes of their errors."""

from pathlib import Path

import pytest
from tests.support.lakes import make_lake
from tests.support.metrics import told

from matinee.errors import AuditFailedError, StaleInputsError
from matinee.readout.failures import failures
from matinee.report import ErrorReport, Report
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_failed_steps_are_counted_by_class(lake: Lake) -> None:
    errors = [StaleInputsError("m", next_step="n"), StaleInputsError("m", next_step="n"), None]
    errors += [AuditFailedError("m", next_step="n")]
    for number, error in enumerate(errors):
        report = Report(step="audit", dataset="core.plays", error=ErrorReport.of(error) if error else None)
        report.write(lake.settings.run_dir / "reports" / f"{number}.json")
    seen = told(failures(lake.settings))
    assert seen == {("failed_steps", "audit", "conflict"): 2, ("failed_steps", "audit", "contract"): 1}


def test_a_report_that_cannot_be_read_hides_no_other(lake: Lake) -> None:
    reports = lake.settings.run_dir / "reports"
    error = ErrorReport.of(StaleInputsError("m", next_step="n"))
    Report(step="audit", dataset="core.plays", error=error).write(reports / "1.json")
    (reports / "2.json").write_text("{")
    assert told(failures(lake.settings)) == {
        ("failed_steps", "audit", "conflict"): 1,
        ("failed_steps", "unknown", "unknown"): 1,
    }
