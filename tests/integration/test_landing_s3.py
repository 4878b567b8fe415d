"""Landing files under `s3://`, found and checked with the endpoint of the lake."""

from pathlib import Path

import pytest
from tests.catalogs import aws_settings

from matinee.sources.files.scan import Found, find, read_lines, scan

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
    both = [Found(f"{folder}/plays-{number}.jsonl", "raw.plays") for number in (1, 2)]
    assert find(settings, named, None, [folder]) == both
    assert find(settings, named, None, [f"{folder}/plays-*"]) == both
    seen = scan(settings, both[0].file)
    assert (seen.rows, seen.ends_open, seen.uri) == (2, True, both[0].file)
    assert read_lines(settings, seen) == [b"{}", b"[]"]
