"""A short soak: every kind of writer at once, publishers killed, and readers that find nothing to complain of."""

import pytest
from tests.catalogs import postgres_settings
from tests.soak.soak import soak
from tests.soak.summary import Outcome

from matinee.settings import Settings, load_settings

pytestmark = [pytest.mark.spark, pytest.mark.concurrent, pytest.mark.timeout(1200)]


def check(found: Outcome) -> None:
    assert found.errors == []
    assert found.violations == []


def test_all_writers_at_once_lose_nothing_double_nothing_and_show_nothing_unaudited(settings: Settings) -> None:
    """Some seconds of it; that each role has come to something, only the long ones ask for."""
    found = soak(settings, settings.home.parent / "soak", 5, 1, print)
    check(found)
    assert found.roles["reader"].reads > 0


@pytest.mark.slow
@pytest.mark.parametrize("catalog", ["embedded", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_minute_of_it_on_each_catalog(settings: Settings, catalog: str, request: pytest.FixtureRequest) -> None:
    home = settings.home.parent / catalog
    lake = load_settings(home=home, catalog="embedded")
    if catalog == "postgres":
        lake = postgres_settings(request.getfixturevalue("postgres_uri"), home)
    ready = lake.model_copy(update={"spark_remote": settings.spark_remote})
    found = soak(ready, settings.home.parent / "soak", 60, 2, print, patience_s=200)
    check(found)
    assert found.complete, found.roles
