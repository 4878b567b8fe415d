"""The alert rules for Prometheus: promtool checks and tests them, and the metrics that they name are told."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from tests.support.catalogs import required

from matinee.settings import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "prometheus"
RULES = FOLDER / "matinee.rules.yaml"


def promtool(*arguments: str) -> None:
    if not shutil.which("promtool"):
        required("prometheus", "there is no promtool")
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_promtool_finds_no_fault_in_the_rules() -> None:
    promtool("check", "rules", RULES.name)


@pytest.mark.prometheus
def test_the_rules_fire_as_their_tests_say() -> None:
    promtool("test", "rules", "matinee.tests.yaml")


def test_each_metric_of_a_rule_is_one_that_the_code_tells() -> None:
    modules = [*(CHECKOUT / "jobs/matinee/metrics").glob("*.py"), CHECKOUT / "jobs/matinee/readout/failures.py"]
    modules.append(CHECKOUT / "jobs/matinee/serving/metrics.py")
    text = "".join(module.read_text() for module in modules)
    made = set(re.findall(r'gauge\(\s*"(\w+)"', text))
    made |= {f"{name}_timestamp_seconds" for name in re.findall(r'instants\(\s*"(\w+)"', text)}
    named = set(re.findall(r"matinee_(\w+)", " ".join(rule["expr"] for rule in rules())))
    assert named - made == set()


def test_each_rule_has_a_severity_a_summary_and_a_next_step() -> None:
    assert all(rule["labels"]["severity"] in {"page", "warning", "notice"} for rule in rules())
    assert all(set(rule["annotations"]) == {"summary", "next_step"} for rule in rules())


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    listed: list[dict[str, Any]] = group["rules"]
    return listed
