"""The read-out names the class and the true cause of a log's failure, and nothing secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from matinee.errors import MatineeError, TerminalError, TransientError
from matinee.readout.explain import Readout, explain
from matinee.readout.log import lines_of
from matinee.readout.masking import HIDDEN, masked
from matinee.readout.patterns import CLASSES, WEIGHTS, patterns, typed
from matinee.sinks.errors import ChannelRefusedError

CORPUS = yaml.safe_load((Path(__file__).parent / "corpus.yaml").read_text())


def read_out(log: str) -> Readout:
    return explain(log.encode().splitlines(keepends=True))


@pytest.mark.parametrize("failure", CORPUS, ids=lambda failure: failure["name"])
def test_a_failure_has_its_class_and_its_cause(failure: dict[str, Any]) -> None:
    readout = read_out(failure["log"])
    assert readout.kind in failure["class"].split("|"), readout
    assert failure["cause"] in readout.cause, readout
    assert "\n" not in readout.cause


def test_the_last_line_of_a_failed_task_tells_the_error_of_matinee() -> None:
    where = "ALERT plays_daily.plays.wait key=2026-03-01 run=manual__1"
    error = "ContractError: plays.yaml:3: no such column. | next: Correct it | runbook: dags/runbooks/plays_daily.md"
    readout = read_out(f"ERROR - {where} | {error}\n")
    assert (readout.pattern, readout.cause) == ("ContractError", "plays.yaml:3: no such column.")
    assert readout.next_step == "Correct it"


def test_a_class_that_a_pattern_names_is_known() -> None:
    assert {pattern.kind for pattern in patterns()} <= set(CLASSES)
    assert {pattern.weight for pattern in patterns()} <= WEIGHTS.keys()
    assert len({pattern.name for pattern in patterns()}) == len(patterns())


def test_each_error_of_matinee_has_a_class() -> None:
    modules = {MatineeError.__module__, ChannelRefusedError.__module__}
    kinds: list[type[MatineeError]] = [MatineeError]
    for kind in kinds:
        kinds += [below for below in kind.__subclasses__() if below.__module__ in modules]
    raised = {kind.__name__ for kind in kinds} - {
        MatineeError.__name__,
        TerminalError.__name__,
        TransientError.__name__,
    }
    assert raised == typed().keys()
    assert {stated["class"] for stated in typed().values()} <= set(CLASSES)


def test_an_error_of_matinee_keeps_its_next_step_and_says_if_a_retry_helps() -> None:
    readout = read_out("StaleInputs: main of core.plays moved.\n  next: Run the key again.\n")
    assert (readout.next_step, readout.retryable) == ("Run the key again.", True)


def test_a_cause_behind_an_error_that_wraps_is_told() -> None:
    log = "OSError: [Errno 28] No space left on device\nEngineFailed: The engine died.\n  next: Read its log.\n"
    assert read_out(log).kind == "resource"


def test_evidence_names_the_line_and_the_frame_of_the_program() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/app/x.py", line 3, in rate\n    return a / b\n'
        '  File "/usr/lib/python3.11/numbers.py", line 9, in div\nZeroDivisionError: division by zero\n'
    )
    assert read_out(log).evidence == (
        "1: Traceback (most recent call last):",
        '2:   File "/app/x.py", line 3, in rate',
        "5: ZeroDivisionError: division by zero",
    )


@pytest.mark.parametrize(
    "log", [b"", b"\n", b"\xff\xfe\x00", b'{"event": ', b'{"event": null, "level": 3}', b"[" * 9_000, b"\x1b[31m"]
)
def test_a_log_of_anything_is_read(log: bytes) -> None:
    assert explain([log]).kind in {"none", "unknown"}


@pytest.mark.parametrize(
    "log",
    [
        "INFO - previous holder is no longer running; lease taken\nINFO - wrote 5 rows\n",
        "INFO  BlockManager: Evicted block rdd_1\nINFO done\n",
        "Bucket data already exists, reusing it\nLoaded 10 rows\n",
        "rate limit: 0\nErrors: 0, warnings: 0\n",
        "ERROR: x failed\nINFO: Command exited with return code 0\n",
    ],
)
def test_words_of_a_log_without_a_failure_are_no_failure(log: str) -> None:
    assert read_out(log).kind == "none"


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("step 1 exited with code 0\nTraceback (most recent call last):\nKeyError: 'x'\n", "code"),
        ("upstream t0: state=success\njava.lang.OutOfMemoryError: Java heap space\n", "resource"),
        ("app-1  | ERROR: No space left on device\napp-1 exited with code 1\ndb-1 exited with code 0\n", "resource"),
    ],
)
def test_a_failure_after_the_success_of_something_else_is_told(log: str, kind: str) -> None:
    assert read_out(log).kind == kind


@pytest.mark.parametrize("piece", ["password.", "--password-", "token", "a:b@", "\x1b]", "'password', ", "x://", '"\\'])
def test_a_hostile_line_is_read_before_the_test_times_out(piece: str) -> None:
    assert explain([(piece * 200_000).encode()]).kind == "none"


def test_of_a_long_log_the_beginning_and_the_end_are_read() -> None:
    lines = lines_of((f"line {number}\n".encode() for number in range(1, 10)), first=2, last=3)
    assert [(line.number, line.text) for line in lines] == [(n, f"line {n}") for n in (1, 2, 7, 8, 9)]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://matinee:s3cr@t/#pw@db:5432/x failed", "s3cr"),
        ("password authentication failed: password=hunter2 host=db", "hunter2"),
        ('{"aws_secret_access_key": "abc/def+1"}', "abc/def"),
        ("--api-key 12345 --day 2026-03-01", "12345"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ("key AKIAIOSFODNN7EXAMPLE", "AKIAIOS"),
        ("Command '['x', '--password', 's3cr3t']' returned non-zero", "s3cr3t"),
        ('{\\"password\\": \\"s3cr3t\\"}', "s3cr3t"),
        ('"password": "ab\\"s3cr3t"', "s3cr3t"),
        ("password=abc,s3cr3t", "s3cr3t"),
        ("user:s3cr3t@host:5432/db", "s3cr3t"),
        ("https://s3cr3ttoken@host/x", "s3cr3t"),
        ("Authorization: Token s3cr3tabc", "s3cr3t"),
        ("AccountKey=s3cr3t==", "s3cr3t"),
        ("ALTER USER x PASSWORD 's3cr3t'", "s3cr3t"),
        ("-Dspark.password=s3cr3t", "s3cr3t"),
        ("https://x/y?X-Amz-Signature=abc123&X-Amz-Credential=me", "abc123"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "eyJhbGci"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
    ],
)
def test_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in masked(text)
    assert HIDDEN in masked(text)


def test_words_about_secrets_stay() -> None:
    text = 'FATAL: password authentication failed for user "matinee"'
    assert masked(text) == text


def test_a_secret_of_a_log_stands_in_no_part_of_the_readout() -> None:
    log = "psycopg2.OperationalError: postgresql://matinee:hunter2@db/x: password authentication failed\n"
    assert "hunter2" not in repr(read_out(log))
