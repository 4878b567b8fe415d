"""The kernel's log and the control group say which process was killed for memory."""

from pathlib import Path

from matinee.readout.system import kernel_lines, memory_lines, pids_of

LOG = b"[1.0] usb 1-1: new device\n[2.0] Out of memory: Killed process 4711 (python)\n"


def test_the_process_of_a_log_is_known() -> None:
    assert pids_of([b'{"event": "Process exited", "pid": 4711}', b"Process exited [supervisor] pid=64"]) == {4711, 64}


def test_the_kernels_line_of_a_process_is_told(tmp_path: Path) -> None:
    (tmp_path / "kern.log").write_bytes(LOG)
    assert kernel_lines({4711}, [tmp_path / "kern.log"]) == [b"[2.0] Out of memory: Killed process 4711 (python)"]


def test_a_kill_of_another_process_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "kern.log").write_bytes(LOG)
    assert kernel_lines({1}, [tmp_path / "kern.log"]) == []


def test_kills_of_the_control_group_are_counted(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 2\noom_kill 2\n")
    assert b"counts 2 killed" in memory_lines(tmp_path / "memory.events")[0]


def test_a_control_group_without_a_kill_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("oom_kill 0\n")
    assert memory_lines(tmp_path / "memory.events") == memory_lines(tmp_path / "none") == []
