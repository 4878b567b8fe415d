"""The step `parity`: with a day it compares, without one it expires live days."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, make_lake

from matinee.errors import UsageError
from matinee.parity import step
from matinee.parity.register import Parity
from matinee.parity.step import parity


def test_without_a_day_a_lake_without_live_tables_has_nothing_to_expire(tmp_path: Path) -> None:
    assert parity(make_lake(tmp_path).settings).details == {"expired_through": "None"}


def test_a_key_that_is_no_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yesterday"):
        parity(make_lake(tmp_path).settings, "yesterday")


def test_with_a_day_its_rows_and_late_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = [Parity(dataset, D1, "p", 1, rows, 1, 0, {}, {}) for dataset, rows in (("a", 4), ("b", 5))]
    monkeypatch.setattr(step, "judge", lambda _, day: compared if day == D1 else [])
    report = parity(make_lake(tmp_path).settings, str(D1))
    assert (report.days, report.details) == ((D1,), {"rows": 9, "late": 2})
