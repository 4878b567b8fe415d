"""A lake whose offers are served, for tests that need no engine."""

from pathlib import Path

import pytest
from tests.support.served import in_process, offer, publish_offers, served_settings

from matinee.table.catalog import Lake

__all__ = ["in_process"]


@pytest.fixture
def lake(tmp_path: Path, in_process: None) -> Lake:
    """A lake with the offers of one day: of two titles in three countries."""
    lake = Lake.open(served_settings(tmp_path))
    publish_offers(lake, [offer(country, title) for country in ("de", "fr", "us") for title in ("t1", "t2")])
    return lake
