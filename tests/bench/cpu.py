"""CPU seconds of a command and of all processes that it starts, also of those whose parent ended first."""

import ctypes
import os
import subprocess
import time

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def run_counted(command: list[str]) -> dict[str, object]:
    """Run a command in this process, which has no other children, and return what its tree took and printed.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    # A fork server outlives its parent for a moment: processes that are left come here and are waited for.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    begun, cpu_s = time.monotonic(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu_s += usage.ru_utime + usage.ru_stime
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {"cpu_s": cpu_s, "seconds": time.monotonic() - begun, "printed": printed}
