"""Work in a process that is a copy of this one, which has imported the large libraries and nothing of ours."""

import contextlib
import importlib
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Imported once, so that no mutant pays for them.
LIBRARIES = (
    "pytest",
    "pytest_timeout",
    "hypothesis",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "pydantic_settings",
    "open_data_contract_standard.model",
    "pandera.pandas",
    "sqlalchemy.orm",
    "jsonschema",
    "rich.console",
    "tenacity",
    "yaml",
)


class ChildFailedError(RuntimeError):
    """A process ended without a result, or took too long."""


def import_libraries() -> None:
    """Import what the tests of the packages need besides the code."""
    for name in LIBRARIES:
        importlib.import_module(name)


def in_child(work: Callable[[], Any], scratch: Path, limit_s: float) -> Any:  # noqa: ANN401
    """Return what `work` returns in a process of its own; files that it makes stand in `scratch` and are deleted.

    Raises ChildFailedError where the process ends without a result or takes longer than `limit_s` seconds.
    """
    fork = multiprocessing.get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)
    scratch.mkdir(parents=True, exist_ok=True)
    child = fork.Process(target=_work, args=(work, sending, scratch))
    child.start()
    sending.close()
    try:
        if not receiving.poll(limit_s):
            raise ChildFailedError(f"took more than {limit_s:.0f} s")
        return receiving.recv()
    except EOFError as error:
        printed = (scratch / "output").read_text().splitlines()
        raise ChildFailedError(f"ended its process: {' / '.join(printed[-3:])}") from error
    finally:
        child.kill()
        child.join()
        shutil.rmtree(scratch, ignore_errors=True)


def _work(work: Callable[[], Any], sending: Any, scratch: Path) -> None:  # noqa: ANN401
    os.environ["TMPDIR"] = str(scratch)
    with (
        (scratch / "output").open("w") as output,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        sending.send(work())
    os._exit(0)
