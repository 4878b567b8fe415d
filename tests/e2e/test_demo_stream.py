"""The demonstration of the stream, live: a broker, a producer, ticks, and the judgement of the batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(900)]


def test_every_live_row_of_a_mature_day_is_the_batchs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "matinee.demo.stream", "--rate", "2000"]
    environment = os.environ | {"MATINEE_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    judged = [line for line in done.stdout.splitlines() if "live rows are the batch's" in line]
    assert judged
    assert all(": 100.00% of" in line and "none differs" in line for line in judged), judged
