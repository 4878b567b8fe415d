"""A short soak: every kind of writer at once, publishers killed, and readers that find nothing to complain of."""

import pytest
from tests.soak.soak import soak
from tests.support.catalogs import postgres_settings

from matinee.settings import Settings, load_settings

pytestmark = [pytest.mark.spark, pytest.mark.concurrent, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("catalog", ["embedded", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_minute_of_all_writers_at_once_violates_no_invariant(
    settings: Settings, catalog: str, request: pytest.FixtureRequest
) -> None:
    home = settings.home.parent / catalog
    lake = load_settings(home=home, catalog="embedded")
    if catalog == "postgres":
        lake = postgres_settings(request.getfixturevalue("postgres_uri"), home)
    ready = lake.model_copy(update={"spark_remote": settings.spark_remote})
    outcome = soak(ready, settings.home.parent / "soak", 60, 2, print, patience_s=200)
    assert outcome.errors == []
    assert outcome.violations == []
    assert outcome.complete, outcome.roles
