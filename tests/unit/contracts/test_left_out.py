"""A contract that cannot be used leaves out its own dataset and what is made from the dataset, and no other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.registry import Registry, contract_files
from matinee.contracts.validate import check_all
from matinee.errors import ContractError, UnknownDatasetError

WriteContract = Callable[..., Path]
INPUT = "      - dataset: raw.ratings\n        alias: events\n        lookback: ratings.window\n"
RAW = (f"  - property: inputs\n    value:\n{INPUT}", "")
NO_TRANSFORM = ("  - property: transform\n    value: deduplicate_ratings\n", "")


@pytest.fixture
def folder(write_contract: WriteContract, tmp_path: Path) -> Path:
    """Contracts of `raw.a` ▸ `core.b` ▸ `core.c`, and of `core.d`, which is made from `raw.e`."""

    def write(dataset: str, reads: str | None) -> None:
        name = dataset.partition(".")[2]
        own = [("id: core.ratings", f"id: {dataset}"), ("name: ratings", f"name: {name}"), ("core.ratings", dataset)]
        inputs = [("dataset: raw.ratings", f"dataset: {reads}")] if reads else [RAW, NO_TRANSFORM]
        write_contract(*own, *inputs, dataset=dataset)

    for dataset, reads in {
        "raw.a": None,
        "core.b": "raw.a",
        "core.c": "core.b",
        "raw.e": None,
        "core.d": "raw.e",
    }.items():
        write(dataset, reads)
    return tmp_path / "sql"


def change(folder: Path, dataset: str, old: str, new: str) -> Path:
    file = folder / Path(*dataset.split(".")) / "contract.odcs.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


def split(folder: Path) -> tuple[set[str], set[str]]:
    registry = Registry.load(folder)
    return {*registry.contracts}, {*registry.left_out}


def test_the_dataset_and_what_is_made_from_it_are_left_out(folder: Path) -> None:
    file = change(folder, "raw.a", "schema:", "schema: [")
    assert split(folder) == ({"raw.e", "core.d"}, {"raw.a", "core.b", "core.c"})
    registry = Registry.load(folder)
    with pytest.raises(ContractError, match=rf"{file}:\d+: is not readable YAML"):
        registry.get("raw.a")
    with pytest.raises(ContractError, match=rf"core\.c is made from raw\.a, whose contract .*{file}:\d+: is not"):
        registry.get("core.c")
    with pytest.raises(ContractError, match=r"raw\.a"):
        registry.get("core.c_live")
    with pytest.raises(UnknownDatasetError, match=r"core\.b"):
        registry.get("core.bb")


def test_what_needs_every_dataset_is_refused_with_file_line_and_reason(folder: Path) -> None:
    file = change(folder, "core.b", "id: core.b", "id: 7")
    with pytest.raises(ContractError) as refused:
        Registry.load(folder).require_all("Nothing expires")
    assert refused.value.message == (
        f"Nothing expires: {file}:3: id: 7 is not a dataset's name: namespace.name in small letters, digits and _; "
        "core.c is made from that."
    )
    assert "matinee contract check" in refused.value.next_step


def test_nothing_is_refused_where_no_dataset_is_left_out(folder: Path) -> None:
    Registry.load(folder).require_all("Nothing expires")


def test_a_folder_of_another_name_leaves_out_both_names(folder: Path) -> None:
    change(folder, "core.d", "id: core.d", "id: core.b")
    assert split(folder) == ({"raw.a", "raw.e"}, {"core.b", "core.c", "core.d"})


def test_an_input_that_no_contract_declares_leaves_out_its_reader(folder: Path) -> None:
    change(folder, "core.b", "dataset: raw.a", "dataset: raw.nobody")
    assert split(folder) == ({"raw.a", "raw.e", "core.d"}, {"core.b", "core.c"})


def test_a_circle_is_left_out_and_what_is_made_from_it(folder: Path) -> None:
    file = change(folder, "core.b", "dataset: raw.a", "dataset: core.b")
    assert split(folder) == ({"raw.a", "raw.e", "core.d"}, {"core.b", "core.c"})
    change(folder, "core.d", "dataset: raw.e", "dataset: core.d")
    assert split(folder) == ({"raw.a", "raw.e"}, {"core.b", "core.c", "core.d"})
    told = [(problem.file, problem.reason) for problem in check_all(folder)]
    assert (file, "core.b is made from itself: core.b <- core.b") in told


def test_two_contracts_that_claim_one_table_are_both_left_out(folder: Path) -> None:
    change(folder, "core.d", "customProperties:", "customProperties:\n  - property: live\n    value: true")
    text = (folder / "core" / "d" / "contract.odcs.yaml").read_text()
    (folder / "core" / "d_live").mkdir()
    (folder / "core" / "d_live" / "contract.odcs.yaml").write_text(text.replace("id: core.d", "id: core.d_live"))
    assert split(folder)[1] == {"core.d", "core.d_live"}
    with pytest.raises(ContractError, match=r"core\.d claims the table core\.d_live, as core\.d_live does"):
        Registry.load(folder).get("core.d")


def test_two_contracts_that_claim_one_topic_are_both_left_out(folder: Path) -> None:
    for dataset in ("raw.e", "core.d"):
        change(folder, dataset, "customProperties:", "customProperties:\n  - property: source\n    value: {topic: t}")
    with pytest.raises(ContractError, match=r"claims the topic t, as core\.d does"):
        Registry.load(folder).get("raw.e")


def test_two_contracts_that_claim_the_same_files_are_both_left_out(folder: Path) -> None:
    text = (folder / "raw" / "a" / "contract.odcs.yaml").read_text()
    (folder / "more" / "a").mkdir(parents=True)
    (folder / "more" / "a" / "contract.odcs.yaml").write_text(text.replace("raw.a", "more.a"))
    assert split(folder) == ({"raw.e", "core.d"}, {"raw.a", "more.a", "core.b", "core.c"})


@pytest.mark.parametrize("make", [lambda _: None, lambda file: file.write_bytes(b"\xff")], ids=["missing", "bytes"])
def test_sql_that_cannot_be_read_leaves_out_its_dataset(folder: Path, make: Callable[[Path], object]) -> None:
    file = change(folder, "core.b", "deduplicate_ratings", "transform.sql")
    make(file.with_name("transform.sql"))
    assert split(folder)[1] == {"core.b", "core.c"}


def test_a_register_of_the_lake_is_never_left_out(folder: Path) -> None:
    (folder / "ops" / "publications").mkdir(parents=True)
    (folder / "ops" / "publications" / "contract.odcs.yaml").write_text("id: [")
    with pytest.raises(ContractError, match="ops/publications"):
        Registry.load(folder)


def test_a_contract_that_cannot_be_read_keeps_its_files_from_others(folder: Path) -> None:
    (folder / "raw" / "a_late").mkdir()
    (folder / "raw" / "a_late" / "contract.odcs.yaml").write_text("id: [")
    assert list(Registry.load(folder).words().items()) == [("a_late", "raw.a_late"), ("a", "raw.a"), ("e", "raw.e")]
    change(folder, "core.d", "schema:", "schema: [")
    assert "d" not in Registry.load(folder).words()  # No files are landed for others of its namespace.


def test_a_contract_of_a_folder_that_nobody_may_enter_is_not_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path.lstat

    def refused(file: Path) -> object:
        if file.parent.name == "b":
            raise PermissionError(13, "Permission denied", str(file))
        return look(file)

    monkeypatch.setattr(Path, "lstat", refused)
    assert folder / "core" / "b" / "contract.odcs.yaml" in contract_files(folder)


def test_folders_that_cannot_be_listed_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ContractError, match="cannot be listed"):
        contract_files(folder)
