"""Settings that contradict what the engines and catalogs can do are refused when they are read."""

import pytest

from matinee.errors import SettingsError
from matinee.settings import load_settings


@pytest.mark.parametrize("prefix", ["a#b", "a?b"])
def test_a_warehouse_that_spark_would_cut_off_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="has # or"):
        load_settings(catalog="aws", warehouse=f"s3://bucket/{prefix}")


def test_a_folder_as_warehouse_may_have_any_name() -> None:
    assert load_settings(warehouse="file:///a b#c?d%20").warehouse_uri == "file:///a b#c?d%20"
