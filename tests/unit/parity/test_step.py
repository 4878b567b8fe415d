"""The step `parity`: with a day it compares, without one it expires live days."""

from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.errors import UsageError
from matinee.parity.step import parity


def test_without_a_day_a_lake_without_live_tables_has_nothing_to_expire(tmp_path: Path) -> None:
    assert parity(make_lake(tmp_path).settings).details == {"expired_through": "None"}


def test_a_key_that_is_no_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yesterday"):
        parity(make_lake(tmp_path).settings, "yesterday")
