"""Bands of a page: Python and SQL agree on every place."""

import sqlite3

from matinee.contracts.registry import Registry
from matinee.domain.locations import Bands
from matinee.settings import CHECKOUT


def test_python_and_sql_name_the_same_band() -> None:
    bands = Bands.of(Registry.load(CHECKOUT / "sql").get("features.impression_daily"))
    places = [(row, position) for row in range(1, 12) for position in (1, 2, 9)]
    query = sqlite3.connect(":memory:")
    values = ",".join(f"({row},{position})" for row, position in places)
    named = query.execute(f"WITH p({bands.row}, {bands.position}) AS (VALUES {values}) SELECT {bands.sql} FROM p")
    assert [bands.band(*place) for place in places] == [name for (name,) in named]
    query.close()
