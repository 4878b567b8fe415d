"""A process with too little address space is refused at its start."""

import os
import subprocess
import sys

import pytest

from matinee.errors import EnvironmentNotReadyError
from matinee.limits import LEAST, refuse_little
from matinee.settings import CHECKOUT


@pytest.mark.parametrize("space", [-1, LEAST, LEAST + 1])
def test_enough_address_space_is_taken(space: int) -> None:
    refuse_little(space)


@pytest.mark.parametrize("space", [0, LEAST - 1])
def test_too_little_address_space_is_refused(space: int) -> None:
    with pytest.raises(EnvironmentNotReadyError, match=rf"may have {space >> 20} MB .* need 2048") as told:
        refuse_little(space)
    assert "ulimit -v" in told.value.next_step


@pytest.mark.parametrize("program", ["matinee.cli.main vtts list", "step maintain --what recover"])
def test_programs_look_at_their_limit_before_they_begin(program: str, tmp_path: os.PathLike[str]) -> None:
    code = f"ulimit -v 300000; exec {sys.executable} -m {program}"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "jobs"), "MATINEE_HOME": str(tmp_path)}
    ended = subprocess.run(["bash", "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, "may have 292 MB of address space" in ended.stderr) == (1, True), ended.stderr
    assert "Traceback" not in ended.stderr
