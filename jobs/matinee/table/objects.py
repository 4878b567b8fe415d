"""The client of S3, for what PyIceberg's files cannot do: conditional writes of small objects, and large files."""

from functools import cache
from typing import Any


@cache
def s3_client(region: str, endpoint: str | None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return this process's client of S3 in a region, or at an endpoint of a user's own."""
    import boto3
    from botocore.config import Config

    style = Config(s3={"addressing_style": "path"}) if endpoint else None
    return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=style)


def error_code(error: Any) -> str:  # noqa: ANN401 - botocore has no types
    """Return the code of an error of S3's."""
    return str(error.response.get("Error", {}).get("Code"))
