"""Where landing files are: which files a path has, and for which dataset each is."""

from glob import escape
from pathlib import Path

import pytest
from tests.support.landing_folders import NAMED, folder

from matinee.errors import LandingRefusedError, UsageError
from matinee.settings import Settings, load_settings
from matinee.sources.files.find import find_at, has_files, in_order
from matinee.sources.files.scan import scan


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)


def listed(settings: Settings, dataset: str | None, path: Path | str) -> list[tuple[str, str]]:
    files = in_order(NAMED, find_at(settings, NAMED, dataset, str(path)))
    return [(file.dataset, Path(file.file).name) for file in files]


def test_a_directory_gives_the_files_of_each_dataset_and_manifests_last(embedded: Settings, tmp_path: Path) -> None:
    names = ("manifest-1.json", "plays-1.jsonl", "impressions-2.jsonl", "impressions-1.jsonl", "truth.csv", "_done")
    assert listed(embedded, None, folder(tmp_path, *names)) == [
        ("raw.impressions", "impressions-1.jsonl"),
        ("raw.impressions", "impressions-2.jsonl"),
        ("raw.plays", "plays-1.jsonl"),
        ("ops.manifests", "manifest-1.json"),
    ]


def test_a_directory_for_one_dataset_gives_the_files_that_bear_its_word(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-1.jsonl", "impressions-1.jsonl", "counts.json", "manifest-1.json")
    assert listed(embedded, "raw.plays", path) == [("raw.plays", "plays-1.jsonl")]


def test_a_directory_without_the_datasets_word_gives_all_unnamed_files(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "part-1.jsonl", "part-0.jsonl", "impressions-1.jsonl", ".part.jsonl", "_part.jsonl")
    assert listed(embedded, "raw.plays", path) == [("raw.plays", "part-0.jsonl"), ("raw.plays", "part-1.jsonl")]


def test_a_glob_gives_its_files_by_name(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-2.jsonl", "plays-1.jsonl", "plays-3.csv")
    assert listed(embedded, None, f"{path}/*.jsonl") == [("raw.plays", "plays-1.jsonl"), ("raw.plays", "plays-2.jsonl")]


def test_a_name_with_brackets_is_a_file_and_no_pattern(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays[1].jsonl") / "plays[1].jsonl"
    assert listed(embedded, None, path) == [("raw.plays", "plays[1].jsonl")]


def test_a_file_that_two_paths_name_is_found_once(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "plays-1.jsonl")
    twice = [file for name in (path, path / "plays-1.jsonl") for file in find_at(embedded, NAMED, None, str(name))]
    assert (len(twice), len(in_order(NAMED, twice))) == (2, 1)


@pytest.mark.parametrize("path", ["nothing-*.jsonl", "nothing.jsonl", "empty"])
def test_no_file_is_a_clear_error(embedded: Settings, tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"There is no file to land at .*(nothing|empty)"):
        find_at(embedded, NAMED, None, str(tmp_path / path))


def test_a_file_whose_name_tells_no_dataset_needs_one(embedded: Settings, tmp_path: Path) -> None:
    path = folder(tmp_path, "events.jsonl") / "events.jsonl"
    with pytest.raises(UsageError, match="does not say which dataset"):
        find_at(embedded, NAMED, None, str(path))


def test_an_address_that_nothing_here_reads_is_refused(embedded: Settings) -> None:
    for look in (lambda file: listed(embedded, None, file), lambda file: scan(embedded, file)):
        with pytest.raises(LandingRefusedError, match=r"plays\.json is refused whole: it cannot be reached .*https"):
            look("https://api.example/plays.json")


@pytest.mark.parametrize("dataset", [None, "raw.plays"])
def test_a_folder_that_bears_the_word_of_a_dataset_is_refused(
    embedded: Settings, tmp_path: Path, dataset: str | None
) -> None:
    for name in ("plays-old", "done", "impressions-old"):
        (tmp_path / name).mkdir()
    names = listed(embedded, dataset, folder(tmp_path, "plays-1.jsonl"))
    others = [] if dataset else [("raw.impressions", "impressions-old")]
    assert names == [*others, ("raw.plays", "plays-1.jsonl"), ("raw.plays", "plays-old")]
    with pytest.raises(LandingRefusedError, match=r"plays-old is refused whole: it is a folder. Next: Name the folder"):
        scan(embedded, str(tmp_path / "plays-old"))


def test_a_folder_without_files_is_no_error_and_a_missing_folder_is_one(embedded: Settings, tmp_path: Path) -> None:
    assert not has_files(embedded, f"{tmp_path}/plays*")
    with pytest.raises(LandingRefusedError, match=r"gone is refused whole: it is not there. Next: .*LANDING_DIR"):
        has_files(embedded, f"{tmp_path}/gone/plays*")


@pytest.mark.parametrize(
    ("folder_pattern", "is_missing"),
    [("2026-12-*", False), ("2026-1[12]-*/*", False), ("[*]", True), ("gone/2026-*", True), ("2026-12-*/gone", False)],
)
def test_a_wildcard_folder_without_a_match_is_not_missing(
    embedded: Settings, tmp_path: Path, folder_pattern: str, is_missing: bool
) -> None:
    pattern = f"{tmp_path}/{folder_pattern}/plays*"
    if is_missing:
        with pytest.raises(LandingRefusedError, match="is refused whole: it is not there"):
            has_files(embedded, pattern)
    else:
        assert not has_files(embedded, pattern)


def test_files_of_a_folder_of_any_name_are_listed(embedded: Settings, tmp_path: Path) -> None:
    odd = tmp_path / "a [1] b*c? #%20 é"
    odd.mkdir()
    pattern = f"{escape(str(odd))}/plays*"
    assert not has_files(embedded, pattern)
    folder(odd, "plays-1.jsonl")
    assert has_files(embedded, pattern)
    assert listed(embedded, "raw.plays", pattern) == [("raw.plays", "plays-1.jsonl")]
