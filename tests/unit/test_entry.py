"""The outermost call of the commands: what is printed, and the exit code."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from matinee.cli.main import main
from matinee.cli.output import ERR, OUT, emit, emit_one, working
from matinee.entry import printable
from matinee.settings import CHECKOUT

HOSTILE = ["[tv]", "[/x]", "[bold]x", ":smile:", "[link=x]y", "\\[a]"]
MATINEE = [sys.executable, "-m", "matinee.cli.main"]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_printed_as_they_are(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    emit([{value: value}], "table", title=value)
    emit_one({"fact": value}, "table", title=value)
    emit([], "table", empty=value)
    OUT.print(value)
    ERR.print(value)
    with working(value, "table"):
        pass
    shown = capsys.readouterr()
    assert shown.out.count(value) == 7
    assert value in shown.err


def test_a_value_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"dataset": "a\x1b[31mb\x07\u202e\x9b"}], "table")
    shown = capsys.readouterr().out
    assert "a\\x1b[31mb\\x07\\u202e\\x9b" in shown
    assert not set("\x1b\x07\u202e\x9b") & set(shown)


def test_letters_of_all_scripts_stay() -> None:
    assert printable("Žluťoučký 日本 \U0001f3ac\n\t") == "Žluťoučký 日本 \U0001f3ac\n\t"


def test_numbers_that_json_lacks_are_texts(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"share": float("nan"), "most": float("inf")}], "json")
    assert json.loads(capsys.readouterr().out) == [{"share": "nan", "most": "inf"}]


@pytest.mark.parametrize(
    "call", [["vtts", "explain"], ["vtts", "explain", "--no"], ["no"], ["audit", "x", "--key", "2026-02-30"]]
)
@pytest.mark.parametrize("output", [["--output=json"], ["--output", "json"]], ids=" ".join)
def test_a_wrong_call_is_told_as_json(call: list[str], output: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*call, *output])
    assert ended.value.code == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["type"], error["retryable"]) == ("UsageError", False)
    assert error["next_step"]


@pytest.mark.parametrize("group", [[], ["lake"]], ids=["matinee", "matinee lake"])
def test_a_group_without_a_command_shows_its_help(group: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*group, "--help"])
    help_text = capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(group)
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out, shown.err) == (2, "", help_text)


def test_what_is_logged_stands_beside_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    with pytest.raises(SystemExit):
        main(["ingest", "--from", str(tmp_path / "none"), "--output", "json"])
    told = json.loads(capsys.readouterr().err)
    assert told["error"]["type"] == "UsageError"
    assert any("There is no file to land" in line for line in told["log"])
    assert not any(type(handler).__module__ == "matinee.entry" for handler in logging.getLogger().handlers)


def run(redirection: str) -> subprocess.CompletedProcess[str]:
    """Run a command that prints, in a shell."""
    command = f"{' '.join(MATINEE)} contract show core.plays {redirection}"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "jobs")}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)


def test_a_reader_that_goes_ends_the_command_in_silence() -> None:
    ended = run("| true; echo ${PIPESTATUS[0]}")
    assert (ended.stdout, ended.stderr) == ("141\n", "")


def test_a_closed_output_is_no_error() -> None:
    assert (run(">&-").returncode, run(">&-").stderr) == (0, "")


def test_an_output_that_is_full_is_named() -> None:
    ended = run("> /dev/full")
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_a_command_works_in_utc_whatever_zone_is_named() -> None:
    call = "run(click.Command('c', callback=lambda: print(time.tzname)), 'c')"
    code = f"import time, click; from matinee.entry import run; {call}"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "jobs"), "TZ": "XXX99"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "('UTC', 'UTC')\n"
