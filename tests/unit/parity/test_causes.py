"""Up to which landing the batch had read each day, by its own pins; the causes of single rows need an engine."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, make_lake, prepare

from matinee.ledger.model import InputPin
from matinee.live.groups import Sources
from matinee.live.impressions import PLAYS
from matinee.parity.causes import Read
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose batch read four landings for the first day of plays, and nine for the third."""
    lake = make_lake(tmp_path)
    for day, landing in ((D1, 4), (D3, 9)):
        pins = (InputPin("raw.plays", 1, 1, landing, {day: 1}),)
        move_to_main(lake, prepare(lake, "core.plays", day, [], pins=pins), lambda _: ())
    return lake


def test_each_day_was_read_up_to_the_pin_of_its_publication(lake: Lake) -> None:
    read = Read.of(Validity(lake), Sources((PLAYS,), ()), D1, D3)
    assert read.by_day == {"raw.plays": {D1: 4, D2: 0, D3: 9}}
    assert read.highest() == {"raw.plays": 9}


def test_of_no_days_nothing_was_read() -> None:
    assert Read({"raw.plays": {}}).highest() == {"raw.plays": 0}
