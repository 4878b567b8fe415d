"""What differs from the last success: environment, code, contract, inputs and volume."""

from pathlib import Path

from tests.support.lakes import D1, D2, core_play, land, make_lake, prepare, raw_play

from matinee.ledger.model import InputPin
from matinee.publication.move import move_to_main
from matinee.readout.differs import Difference, of_environment, since_publication
from matinee.report import Report, Rows


def test_packages_and_settings_that_differ_are_told() -> None:
    success = Report(step="write", dataset="core.plays", environment={"pyarrow": "25", "python": "3.11"})
    assert of_environment(success, {"pyarrow": "26", "python": "3.11"}) == [Difference("pyarrow", "25", "26")]


def test_a_success_that_says_nothing_differs_in_nothing() -> None:
    assert of_environment(None, {"pyarrow": "26"}) == of_environment(Report(step="", dataset=""), {"x": "1"}) == []


def test_an_input_that_moved_and_a_volume_are_told(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "home")
    land(lake, "raw.plays", [raw_play(D1)])
    head = lake.table("raw.plays").current_snapshot()
    assert head is not None
    pin = InputPin("raw.plays", head.snapshot_id, head.sequence_number or 0, 1, {D1: 1})
    move_to_main(lake, prepare(lake, "core.plays", D1, [core_play(D1)], pins=(pin,), attempt="1"), lambda _: ())
    land(lake, "raw.plays", [raw_play(D2, "p2")])
    failed = Report(step="write", dataset="core.plays", rows=Rows.model_validate({"in": 70}))
    told = {each.what: each for each in since_publication(lake, "core.plays", failed)}
    assert told["snapshot of raw.plays"].before == str(head.snapshot_id)
    assert told["rows read"].now == "70"


def test_a_dataset_without_a_publication_differs_in_nothing(tmp_path: Path) -> None:
    assert since_publication(make_lake(tmp_path / "home"), "core.plays", None) == []
