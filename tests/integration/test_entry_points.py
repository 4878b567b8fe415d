"""The entry points of the jobs as programs of their own, as spark-submit starts them."""

import subprocess
import sys
from pathlib import Path

import pytest

from matinee.hooks import registered
from matinee.report import Report
from matinee.settings import CHECKOUT
from matinee.steps.main import HOOK


def test_the_entry_point_runs_the_step_that_its_first_argument_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))
    path = tmp_path / "r.json"
    job = [sys.executable, str(CHECKOUT / "jobs" / "step.py"), "maintain", "--what", "recover", "--report", str(path)]
    subprocess.run(job, check=True, capture_output=True)
    assert Report.read(path).step == "recover"


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=[pytest.mark.slow] if number else []) for number, step in enumerate(registered(HOOK))],
)
def test_the_entry_point_of_the_last_release_runs_its_step(step: str) -> None:
    job = [sys.executable, str(CHECKOUT / "jobs" / f"{step}.py"), "--help"]
    helped = subprocess.run(job, check=True, capture_output=True, text=True).stdout
    assert helped.startswith(f"usage: step.py {step} ")
