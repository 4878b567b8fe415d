"""The catalog parses a metadata file once, and shows each commit at once."""

from pathlib import Path

import pytest
from pyiceberg.io import InputFile
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.types import StringType
from tests.support.lakes import D1, arrow, core_play, make_lake

from matinee.errors import UnreadableError
from matinee.ledger.compactions import COMPACTIONS, Compaction, record
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metadata files that are parsed, of all tables."""
    locations, parse = list[str](), FromInputFile.table_metadata

    def noted(file: InputFile, **how: object) -> TableMetadata:
        locations.append(file.location)
        return parse(file, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(FromInputFile, "table_metadata", staticmethod(noted))
    return locations


def compaction(snapshot_id: int) -> Compaction:
    return Compaction(PLAYS, D1, {None: (3, "5")}, 9, 1, 9000, 5000, 2.5, snapshot_id)


def test_an_append_to_a_register_parses_its_metadata_once(lake: Lake, parsed: list[str]) -> None:
    record(lake, compaction(7))
    before = lake.table(COMPACTIONS).metadata_location
    parsed.clear()
    record(Lake.open(lake.settings), compaction(8))
    assert [location for location in parsed if "/compactions/" in location] == [before]


def test_what_another_process_commits_is_seen_by_the_next_load(lake: Lake) -> None:
    before = lake.ensure(PLAYS)
    other = Lake.open(lake.settings).table(PLAYS)
    other.append(arrow(other, [core_play(D1)]))
    assert refs.head(lake.table(PLAYS)) == refs.head(other) != refs.head(before)


def test_properties_that_a_loaded_table_is_given_are_its_own(lake: Lake) -> None:
    lake.ensure(PLAYS).metadata.properties["commit.retry.num-retries"] = "0"
    assert lake.table(PLAYS).metadata.properties["commit.retry.num-retries"] == "20"


def test_what_a_commit_made_is_not_parsed(lake: Lake, parsed: list[str]) -> None:
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    parsed.clear()
    assert refs.head(lake.table(PLAYS)) == refs.head(table)
    assert not parsed


def test_properties_that_a_table_is_given_after_a_commit_are_its_own(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    table.metadata.properties["commit.retry.num-retries"] = "0"
    assert lake.table(PLAYS).metadata.properties["commit.retry.num-retries"] == "20"


def test_a_loaded_table_stays_as_it_was_loaded(lake: Lake) -> None:
    before = lake.ensure(PLAYS)
    held = before.metadata.model_dump_json()
    table = lake.table(PLAYS)
    for _ in range(2):
        table.append(arrow(table, [core_play(D1)]))
    refs.create_tag(table, "pin_x", refs.head(table))
    assert before.metadata.model_dump_json() == held


def test_what_commits_leave_in_memory_is_what_their_files_say(lake: Lake) -> None:
    table = lake.ensure(PLAYS)

    def check() -> None:
        known = lake.table(PLAYS)
        written = FromInputFile.table_metadata(known.io.new_input(known.metadata_location))
        assert known.metadata.model_dump() == written.model_dump()

    table.append(arrow(table, [core_play(D1)]), snapshot_properties={"matinee.number": "7"})
    check()
    refs.create_branch(table, "audit_x", refs.head(table))
    check()
    table.append(arrow(table, [core_play(D1)]), branch="audit_x")
    refs.create_tag(lake.table(PLAYS), "pin_x", refs.head(table))
    check()
    refs.remove(lake.table(PLAYS), "audit_x", expected=refs.head(lake.table(PLAYS), "audit_x"))
    check()
    with lake.table(PLAYS).transaction() as change:
        change.set_properties({"matinee.note": "é"})
    check()
    with lake.table(PLAYS).update_schema() as change:
        change.add_column("more", StringType())
    check()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format-version', b"\xff", b"[]"])
def test_metadata_that_are_damaged_are_named_with_their_file(lake: Lake, content: bytes) -> None:
    file = lake.ensure(PLAYS).metadata_location
    Path(file.removeprefix("file://")).write_bytes(content)
    with pytest.raises(UnreadableError, match=r"The metadata of core\.plays are damaged: .*\.metadata\.json"):
        make_lake(lake.settings.home).table(PLAYS)
