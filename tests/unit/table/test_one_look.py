"""One look at the lake loads each table once; later commits are seen by the next look."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyiceberg.table import Table
from tests.support.lakes import D1, arrow, core_play, make_lake
from tests.support.loads import by_dataset, counted_loads

from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    refs.create_branch(lake.ensure(PLAYS), "work", refs.head(lake.table(PLAYS)))
    return lake


def append(lake: Lake) -> int:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    return refs.head(table)


def test_a_look_loads_a_table_once(lake: Lake) -> None:
    look = lake.one_look()
    with counted_loads() as loads:
        assert look.table(PLAYS) is look.one_look().table(PLAYS)
    assert by_dataset(loads) == {PLAYS: 1}


def test_what_comes_after_a_look_is_seen_by_the_next_one(lake: Lake) -> None:
    look = lake.one_look()
    before = refs.head(look.table(PLAYS))
    after = append(lake)
    assert refs.head(look.table(PLAYS)) == before
    assert refs.head(look.reloaded().table(PLAYS)) == refs.head(lake.one_look().table(PLAYS)) == after


def test_a_tag_that_is_put_in_a_look_leaves_what_others_committed_since(lake: Lake) -> None:
    look = lake.one_look()
    before = refs.head(look.table(PLAYS))
    after = append(lake)
    refs.put_tag(look.table(PLAYS), "held", before, until=stamp())
    assert refs.head(lake.table(PLAYS)) == after
    assert refs.reference(lake.table(PLAYS), "held") == before


@pytest.mark.parametrize(
    "change",
    [
        lambda table: refs.create_branch(table, "another", refs.head(table)),
        lambda table: refs.create_tag(table, "kept", refs.head(table)),
        lambda table: refs.put_tag(table, "held", refs.head(table), until=stamp()),
        lambda table: refs.remove(table, "work", expected=refs.head(table)),
    ],
    ids=["a branch", "a tag", "a tag wherever it was", "a removal"],
)
def test_a_reference_change_loads_the_table_once_and_knows_the_result(
    lake: Lake, change: Callable[[Table], Table]
) -> None:
    table = lake.table(PLAYS)
    with counted_loads() as loads:
        changed = change(table)
    assert by_dataset(loads) == {PLAYS: 1}
    now = lake.table(PLAYS)
    assert (changed.metadata, changed.metadata_location) == (now.metadata, now.metadata_location)


def test_a_look_lists_a_namespace_again_only_for_a_table_that_it_lacked(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    look = lake.one_look()
    assert not look.exists(PLAYS)
    lake.ensure(PLAYS)
    assert look.exists(PLAYS)
    lake.catalog.drop_table(PLAYS)
    assert look.exists(PLAYS)
