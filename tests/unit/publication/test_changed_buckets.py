"""Which buckets a heal derives where an input holds other rows under the same generation."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, core_play, make_lake, pin, prepare

from matinee.contracts.stamps import day_stamp
from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import Buckets, InputPin
from matinee.ledger.recovery import recover
from matinee.publication import changed_buckets as module
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

PLAYS, ATTRIBUTIONS = "core.plays", "core.play_attributions"
STAMPS = {0: "a", 1: "b", 2: "c"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def publish(lake: Lake, dataset: str, stamps: Mapping[int | None, str], pins: tuple[InputPin, ...] = ()) -> None:
    rows = [core_play(D1)] if dataset == PLAYS else []
    move_to_main(lake, prepare(lake, dataset, D1, rows, stamps=stamps, pins=pins), lambda _: ())
    recover(lake, dataset)


def pinned(lake: Lake, stamps: Mapping[int | None, str]) -> tuple[InputPin, ...]:
    stamp = day_stamp(stamps)
    plays = replace(pin(lake, PLAYS, {D1: 1}), stamps={D1: stamp} if stamp else {}, buckets=8)
    return plays, replace(pin(lake, "core.impressions", {}), buckets=8)


def after(lake: Lake, monkeypatch: pytest.MonkeyPatch, stamps: Mapping[int | None, str]) -> Buckets:
    """Publish plays with other stamps under the same generation; return what a heal of the attributions derives."""
    publish(lake, PLAYS, STAMPS)
    publish(lake, ATTRIBUTIONS, {}, pinned(lake, STAMPS))
    publish(lake, PLAYS, stamps)
    newest = history(lake, ATTRIBUTIONS).newest(D1)
    assert newest is not None
    monkeypatch.setattr(module, "is_explained", lambda *_: True)
    contract = lake.registry.get(ATTRIBUTIONS)
    return module.changed_buckets(lake, Validity(lake), contract, newest, pinned(lake, stamps))


def test_only_the_cells_with_another_stamp_are_derived(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(lake, monkeypatch, STAMPS | {1: "other"}) == (1,)


def test_nothing_is_derived_where_the_stamps_are_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(lake, monkeypatch, STAMPS) == ()


def test_nothing_is_derived_where_no_stamp_is_known(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(lake, monkeypatch, {}) == ()


def test_the_whole_day_is_derived_where_the_cells_read_are_not_known(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, PLAYS, STAMPS)
    publish(lake, ATTRIBUTIONS, {}, pinned(lake, {0: "forgotten"}))
    newest = history(lake, ATTRIBUTIONS).newest(D1)
    assert newest is not None
    monkeypatch.setattr(module, "is_explained", lambda *_: True)
    contract = lake.registry.get(ATTRIBUTIONS)
    assert module.changed_buckets(lake, Validity(lake), contract, newest, pinned(lake, STAMPS)) is None


def test_a_cell_that_changed_before_the_next_generation_is_derived_too(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    matured, restated = STAMPS | {1: "matured"}, STAMPS | {1: "matured", 2: "restated"}
    publish(lake, PLAYS, STAMPS)
    publish(lake, ATTRIBUTIONS, {}, pinned(lake, STAMPS))
    publish(lake, PLAYS, matured)
    healed = prepare(lake, PLAYS, D1, [core_play(D1)], stamps=restated, generation=2, buckets=(2,))
    prepared = history(lake, PLAYS).prepared(healed.publication_id)
    newest = history(lake, ATTRIBUTIONS).newest(D1)
    assert prepared is not None
    assert newest is not None
    record(lake, [replace(prepared, changed=(2,), recorded_ts=noted_after([prepared]))])
    move_to_main(lake, healed, lambda _: ())
    monkeypatch.setattr(module, "is_explained", lambda *_: True)
    plays, impressions = pinned(lake, restated)
    pins = (replace(plays, days={D1: 2}), impressions)
    contract = lake.registry.get(ATTRIBUTIONS)
    assert module.changed_buckets(lake, Validity(lake), contract, newest, pins) == (1, 2)
