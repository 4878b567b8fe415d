"""An error of reading names the file, the table and the snapshot, whatever is wrong with the file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.lakes import D1, core_play, kept, land, prepare, raw_play

from matinee.errors import CatalogUnavailableError, EngineFailedError, MatineeError, UnreadableError
from matinee.foreign import translated, translating
from matinee.maintenance.upkeep import recover_all
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes, manifests
from matinee.table_files import TableFile, told_by

PLAYS = "core.plays"
Hurt = Callable[[Path], object]
DAMAGES: dict[str, Hurt] = {
    "garbage": lambda file: file.write_bytes(b"garbage!" * 50),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[: len(file.read_bytes()) * 2 // 3]),
    "empty": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
}


def fill(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)])
    move_to_main(lake, prepare(lake, PLAYS, D1, [core_play(D1)]), lambda _: ())


kept_lake, lake = kept(fill)


def files(lake: Lake) -> dict[str, str]:
    """The paths of a manifest list, of a manifest and of the metadata of a table, by what they are called."""
    table = lake.table(PLAYS)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    [manifest] = snapshot.manifests(table.io)
    return {
        f"The manifest list of snapshot {snapshot.snapshot_id}": snapshot.manifest_list,
        f"The manifest of snapshot {manifest.added_snapshot_id}": manifest.manifest_path,
        "The metadata": table.metadata_location,
    }


def local(path: str) -> Path:
    return Path(path.removeprefix("file://"))


@pytest.mark.parametrize("hurt", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("number", [0, 1], ids=["manifest list", "manifest"])
def test_a_file_that_cannot_be_read_is_named(lake: Lake, number: int, hurt: Hurt) -> None:
    words, path = [*files(lake).items()][number]
    hurt(local(path))
    table = Lake.open(lake.settings).table(PLAYS)
    for read in (lambda: day_sizes(table, "event_day"), lambda: manifests(table)):
        with pytest.raises(MatineeError) as told, translating():
            read()
        is_missing = not local(path).exists()
        how = f"is missing: {path}." if is_missing else f"cannot be read: {path}: "
        assert told.value.message.startswith(f"{words} of core.plays {how}")
        assert type(told.value) is (CatalogUnavailableError if is_missing else UnreadableError)
        assert told.value.facts["dataset"] == PLAYS
        assert "deploy/lake.md" in told.value.next_step


@pytest.mark.parametrize("hurt", DAMAGES.values(), ids=DAMAGES)
def test_metadata_that_cannot_be_read_are_named(lake: Lake, hurt: Hurt) -> None:
    path = files(lake)["The metadata"]
    hurt(local(path))
    with pytest.raises(MatineeError) as told, translating():
        Lake.open(lake.settings).table(PLAYS)
    assert re.match(r"The metadata (file )?of core\.plays (are damaged|is missing): ", told.value.message)
    assert path in told.value.message


def test_a_table_that_cannot_be_read_keeps_no_other_from_recovery(lake: Lake) -> None:
    local(lake.table("raw.plays").metadata_location).write_text("{")
    move_to_main(lake, prepare(lake, "core.impressions", D1, []), lambda _: ())
    with pytest.raises(UnreadableError, match=r"metadata of raw\.plays are damaged"):
        recover_all(lake.settings)
    assert recovered(lake, "core.impressions")


def recovered(lake: Lake, dataset: str) -> bool:
    """Whether the ledger says that the dataset has a publication."""
    from matinee.ledger.ledger import history

    newest = history(lake, dataset).newest(D1)
    return newest is not None and newest.state.value == "PUBLISHED"


def test_an_engine_that_cannot_read_a_file_names_its_table() -> None:
    error = pytest.importorskip("pyspark.errors.exceptions.connect").SparkConnectGrpcException(
        "Failed to open input stream for file: s3://lake/w/core/plays/data/event_day=2026-03-01/a.zst.parquet"
    )
    ours = translated(error)
    assert type(ours) is EngineFailedError
    assert ours.message.startswith("The engine cannot read a data file of core.plays: Failed to open")


def test_a_file_that_an_engine_only_mentions_is_not_blamed() -> None:
    error = RuntimeError("wrote /lake/core/plays/data/a.parquet, then the disk was full")
    assert told_by(error) == TableFile("/lake/core/plays/data/a.parquet")
    assert "cannot read" not in translated(error).message


@pytest.mark.parametrize("text", ["/home/plays.parquet cannot be read", "nothing", "/a/b/metadata"])
def test_a_file_of_no_table_is_not_taken_for_one(text: str) -> None:
    assert told_by(ValueError(text)) is None


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (TableFile("/w/core/plays/metadata/snap-7-0-x.avro", 7), "the manifest list of snapshot 7 of core.plays"),
        (TableFile("/w/core/plays/metadata/x-m0.avro"), "the manifest of core.plays"),
        (TableFile("/data/w/raw/plays/data/a/b.parquet"), "a data file of raw.plays"),
        (TableFile("/w/raw/plays/metadata/0-x.metadata.json"), "the metadata file of raw.plays"),
    ],
)
def test_a_file_says_what_it_is(file: TableFile, words: str) -> None:
    assert str(file) == words
