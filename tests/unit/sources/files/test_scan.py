"""Landing files before a row is read: what identifies a file, and which files cannot be read."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.support.landing_folders import NAMED, TWO_LINES, folder

from matinee.errors import LandingRefusedError, LandingUnreachableError
from matinee.settings import CHECKOUT, Settings, load_settings
from matinee.sources.files.find import find_at
from matinee.sources.files.scan import reaching, scan, unreadable


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)


def test_a_file_is_known_by_its_bytes_and_later_by_its_identity(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays.jsonl"
    path.write_bytes(TWO_LINES)
    seen = scan(embedded, str(path))
    assert (seen.sha256, seen.size) == (hashlib.sha256(TWO_LINES).hexdigest(), len(TWO_LINES))
    assert seen.identity == ""
    time.sleep(2.1)
    [file] = find_at(embedded, NAMED, None, str(path))
    assert scan(embedded, str(path)).identity == file.identity != ""
    path.touch()
    assert find_at(embedded, NAMED, None, str(path))[0].identity != file.identity


def test_a_file_of_an_unknown_kind_is_refused(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays.csv") / "plays.csv"
    with pytest.raises(LandingRefusedError, match="its name does not say what it holds"):
        scan(embedded, str(path))


@pytest.mark.parametrize(
    ("target", "why"), [("nowhere", "it is a link to a file that is not there"), ("plays.jsonl", "Too many levels")]
)
def test_a_link_that_leads_to_no_file_is_refused(embedded: Settings, tmp_path: Path, target: str, why: str) -> None:
    (tmp_path / "plays.jsonl").symlink_to(tmp_path / target)
    with pytest.raises(LandingRefusedError, match=f"plays.jsonl is refused whole: .*{why}"):
        scan(embedded, str(tmp_path / "plays.jsonl"))


@pytest.mark.parametrize("target", ["/proc/uptime", "/sys/kernel/uevent_seqnum"])
def test_a_file_that_the_kernel_makes_up_is_refused_before_it_is_read(
    embedded: Settings, tmp_path: Path, target: str
) -> None:
    (tmp_path / "plays.jsonl").symlink_to(target)
    with pytest.raises(LandingRefusedError, match=r"plays.jsonl is refused whole: it is no regular file"):
        scan(embedded, str(tmp_path / "plays.jsonl"))


def refused_by_s3(code: str, status: int) -> OSError:
    """Return the error that the file system of S3 raises for an answer of the service."""
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = OSError(code)
    error.__cause__ = ClientError(answer, "ListObjectsV2")  # type: ignore[arg-type]
    return error


@pytest.mark.parametrize(
    "error",
    [refused_by_s3("SlowDown", 503), refused_by_s3("ExpiredToken", 400), EndpointConnectionError(endpoint_url="s3")],
    ids=["busy", "expired", "away"],
)
def test_storage_that_does_not_answer_now_is_worth_another_try(error: Exception) -> None:
    with pytest.raises(LandingUnreachableError, match=r"s3://b/plays.jsonl cannot be reached now"):
        raise_in_reach("s3://b/plays.jsonl", error)


def raise_in_reach(path: str, error: Exception) -> None:
    with reaching(path, unreadable):
        raise error


@pytest.mark.parametrize(
    ("path", "error"),
    [("s3://b/plays.jsonl", refused_by_s3("AccessDenied", 403)), ("/landing/plays.jsonl", OSError("no device"))],
    ids=["refused", "local"],
)
def test_storage_that_refuses_is_not_tried_again(path: str, error: Exception) -> None:
    with pytest.raises(LandingRefusedError, match=r"plays.jsonl is refused whole: it cannot be read"):
        raise_in_reach(path, error)


def test_a_fault_in_reach_of_a_storage_stays_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        raise_in_reach("s3://b/plays.jsonl", ZeroDivisionError())


def test_a_process_that_does_not_read_names_as_utf_8_says_so(tmp_path: Path) -> None:
    (tmp_path / "plays-é.jsonl").write_bytes(TWO_LINES)
    code = "import sys; from matinee.sources.files.scan import scan; scan(None, sys.argv[1])"
    odd = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(CHECKOUT / "jobs")}
    command = [sys.executable, "-c", code, str(tmp_path / "plays-é.jsonl")]
    ended = subprocess.run(command, env=os.environ | odd, capture_output=True, text=True, check=False)
    assert "this process reads names as ascii" in ended.stderr
