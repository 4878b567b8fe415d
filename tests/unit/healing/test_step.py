"""The step `heal`: its report counts the decisions; while another healer is at work it does nothing."""

from pathlib import Path

from tests.support.lakes import make_lake

from matinee.healing.healer import LEASE
from matinee.healing.register import HEALS
from matinee.healing.step import heal
from matinee.table.leases.lease import hold

NOW = "2026-03-05T02:00Z"


def test_a_lake_without_stale_days_is_reported_as_such(tmp_path: Path) -> None:
    assert heal(make_lake(tmp_path).settings, NOW).details == {"heal": 0, "wait": 0, "human": 0, "cells": 0}


def test_another_healer_at_work_is_noted_and_is_no_error(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    with hold(lake, HEALS, LEASE, "another healer"):
        report = heal(lake.settings, NOW)
    assert list(report.details) == ["note"]
    assert "another healer" in str(report.details["note"])
