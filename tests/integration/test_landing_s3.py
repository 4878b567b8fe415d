"""Landing files under `s3://`, found and checked with the endpoint of the lake."""

from pathlib import Path

import pytest
from tests.support.catalogs import aws_settings

from matinee.errors import LandingRefusedError
from matinee.sources.files.find import find_at
from matinee.sources.files.read import Lines, read_blocks, read_lines
from matinee.sources.files.scan import scan

pytestmark = pytest.mark.aws


def test_files_of_a_bucket_are_found_and_checked(aws_endpoint: str, tmp_path: Path) -> None:
    import boto3

    settings = aws_settings(aws_endpoint, tmp_path)
    bucket = settings.warehouse_uri.split("/")[2]
    client = boto3.client("s3", endpoint_url=aws_endpoint, region_name="us-east-1")
    for name in ("plays-2.jsonl", "plays-1.jsonl", "other.txt"):
        client.put_object(Bucket=bucket, Key=f"landing/{name}", Body=b"{}\n[]")
    named = {"plays": "raw.plays"}
    folder = f"s3://{bucket}/landing"
    both = [(f"{folder}/plays-{number}.jsonl", "raw.plays") for number in (1, 2)]
    files = find_at(settings, named, None, folder)
    assert [(file.file, file.dataset) for file in files] == both
    assert find_at(settings, named, None, f"{folder}/plays-*") == files
    seen = scan(settings, files[0].file)
    assert seen.identity == files[0].identity != ""
    assert list(read_blocks(settings, seen)) == [Lines(1, [b"{}", b"[]"], is_open=True)]


def test_an_object_that_was_replaced_after_it_was_scanned_is_seen(aws_endpoint: str, tmp_path: Path) -> None:
    import boto3

    settings = aws_settings(aws_endpoint, tmp_path)
    bucket = settings.warehouse_uri.split("/")[2]
    client = boto3.client("s3", endpoint_url=aws_endpoint, region_name="us-east-1")
    for name, content in (("1", b"{}\n[]"), ("2", b"[]\n[]"), ("3", b"{}\n{}\n")):
        client.put_object(Bucket=bucket, Key="landing/plays.jsonl", Body=content)
        seen = scan(settings, f"s3://{bucket}/landing/plays.jsonl")
        list(read_lines(settings, seen))
        client.put_object(Bucket=bucket, Key="landing/plays.jsonl", Body=name.encode())
        with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
            list(read_lines(settings, seen))
    client.delete_object(Bucket=bucket, Key="landing/plays.jsonl")
    with pytest.raises(LandingRefusedError, match="it was changed while it was landed"):
        list(read_lines(settings, seen))
