"""Why conflicts are not tested on moto's Glue: it accepts a commit that was made on an older version of the table."""

import boto3
import pytest
from tests.support.catalogs import aws_settings

pytestmark = pytest.mark.aws


def test_motos_glue_accepts_a_stale_commit(aws_endpoint: str, tmp_path: object) -> None:
    """Glue itself refuses the second update: its VersionId is no longer the table's."""
    aws_settings(aws_endpoint, tmp_path)  # type: ignore[arg-type]
    glue = boto3.client("glue", endpoint_url=aws_endpoint, region_name="us-east-1")
    glue.create_database(DatabaseInput={"Name": "core"})
    glue.create_table(DatabaseName="core", TableInput={"Name": "plays", "Parameters": {"metadata_location": "1"}})
    seen_by_both = glue.get_table(DatabaseName="core", Name="plays")["Table"]["VersionId"]
    for location in ("2, by the first writer", "2, by the second"):
        glue.update_table(
            DatabaseName="core",
            TableInput={"Name": "plays", "Parameters": {"metadata_location": location}},
            VersionId=seen_by_both,
        )
    table = glue.get_table(DatabaseName="core", Name="plays")["Table"]
    assert table["Parameters"]["metadata_location"] == "2, by the second"
