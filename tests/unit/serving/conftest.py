"""A lake whose offers are served, for tests that need no engine."""

import pytest
from tests.support.lakes import KeptLake
from tests.support.served import in_process, offer, publish_offers, served_settings

from matinee.table.catalog import Lake

__all__ = ["in_process"]


@pytest.fixture(scope="module")
def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    folder = tmp_path_factory.mktemp("lake")
    settings = served_settings(folder)

    def fill(lake: Lake) -> None:
        publish_offers(lake, [offer(country, title) for country in ("de", "fr", "us") for title in ("t1", "t2")])

    return KeptLake(folder, fill, lambda _: Lake.open(settings))


@pytest.fixture
def lake(kept_lake: KeptLake, in_process: None) -> Lake:
    """A lake with the offers of one day: of two titles in three countries."""
    return kept_lake.begin()
