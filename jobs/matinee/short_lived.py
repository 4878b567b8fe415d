"""Processes that do one thing and end: they start sooner without modules that they do not need."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType


def leave_out() -> None:
    """Leave pandas out of this process, which ends soon; let PyArrow give memory back less often.

    PyArrow imports pandas, where it is installed, as soon as it is given a list, and then knows frames and series: a
    process that goes on to other work needs that.
    """
    # PyArrow's default pool asks for memory in large pieces: clearing them takes a tenth of the run time.
    pool = os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    import pyarrow as pa

    if pool == "system":
        pa.set_memory_pool(pa.system_memory_pool())  # PyArrow may have been imported, and have chosen, before.
    if "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    # PyArrow's Python tries to import pandas once, its C++ again and again; both fail at once now.
    with suppress(ImportError, AttributeError):
        _ = pa.lib._pandas_api.have_pandas


def pandas() -> ModuleType:
    """Return pandas, also where it was left out."""
    if sys.modules.get("pandas", sys) is None:
        del sys.modules["pandas"]
    return import_module("pandas")
