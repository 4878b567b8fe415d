"""The step `heal`: its report counts the decisions; while another healer is at work it does nothing."""

import shutil
from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.errors import ContractError
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


def test_what_is_left_out_is_told_once_the_others_are_healed(tmp_path: Path) -> None:
    settings = make_lake(tmp_path / "home").settings
    shutil.copytree(settings.sql_dir, tmp_path / "sql")
    (tmp_path / "sql" / "core" / "impression_plays" / "contract.odcs.yaml").write_text("id: [")
    with pytest.raises(ContractError, match=r"Not everything is healed: .*core/impression_plays/contract"):
        heal(settings.model_copy(update={"sql_dir": tmp_path / "sql"}), NOW)
