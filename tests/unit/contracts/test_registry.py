"""The registry of the shipped datasets."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.registry import Registry
from matinee.errors import ContractError, UnknownDatasetError
from matinee.settings import CHECKOUT

WriteContract = Callable[..., Path]
HEAVY = ("pyspark", "pandas", "pandera", "pyarrow", "pyiceberg", "jsonschema", "sqlalchemy")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(CHECKOUT / "sql")


def test_every_dataset_has_a_contract(registry: Registry) -> None:
    assert sorted(registry.contracts) == [
        "core.impression_plays",
        "core.impression_plays_live",
        "core.impressions",
        "core.play_attributions",
        "core.play_attributions_live",
        "core.plays",
        "features.impression_daily",
        "features.impression_ema",
        "ops.compactions",
        "ops.heals",
        "ops.incidents",
        "ops.lake",
        "ops.landing_batches",
        "ops.landings",
        "ops.manifests",
        "ops.pins",
        "ops.publications",
        "ops.rehashes",
        "ops.retirements",
        "ops.stream_parity",
        "ops.stream_ticks",
        "raw.impressions",
        "raw.plays",
        "raw.quarantine",
    ]


def test_core_and_features_promise_audited_rows(registry: Registry) -> None:
    promising, audited = ("core", "features"), {contract.dataset for contract in registry.all() if contract.audited}
    assert audited == {
        contract.dataset for contract in registry.all() if contract.namespace in promising and not contract.is_live
    }


def test_inputs_come_before_what_is_made_from_them(registry: Registry) -> None:
    names = ["core.impression_plays", "core.plays", "core.play_attributions", "core.impressions"]

    order = registry.upstream_order(names)

    assert order[2:] == ("core.play_attributions", "core.impression_plays")
    assert set(order[:2]) == {"core.impressions", "core.plays"}


def test_downstream_follows_every_step(registry: Registry) -> None:
    features = ("features.impression_daily", "features.impression_ema")
    core = ("core.plays", "core.play_attributions", "core.impression_plays")
    assert registry.downstream("raw.plays") == (*core, *features)


def test_nothing_is_made_from_the_last_dataset(registry: Registry) -> None:
    assert registry.downstream("features.impression_ema") == ()


@pytest.mark.parametrize("wrong", ["core.play", "plays", "core.Plays"])
def test_an_unknown_dataset_names_those_that_look_like_it(registry: Registry, wrong: str) -> None:
    with pytest.raises(UnknownDatasetError, match=r"core\.plays"):
        registry.get(wrong)


def test_a_contract_in_a_folder_of_another_name_is_refused(write_contract: WriteContract) -> None:
    file = write_contract(dataset="core.stars")

    with pytest.raises(ContractError, match="another name"):
        Registry.load(file.parents[2])


def test_an_input_without_a_contract_is_refused(write_contract: WriteContract) -> None:
    file = write_contract()

    with pytest.raises(ContractError, match=r"reads raw\.ratings, which no contract declares"):
        Registry.load(file.parents[2])


def test_a_dataset_made_from_itself_is_refused(write_contract: WriteContract) -> None:
    file = write_contract(("dataset: raw.ratings", "dataset: core.ratings"))

    with pytest.raises(ContractError, match=r"core\.ratings <- core\.ratings"):
        Registry.load(file.parents[2])


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contracts"):
        Registry.load(tmp_path)


@pytest.mark.parametrize("make", [lambda file: file.symlink_to("/nowhere"), os.mkfifo], ids=["link", "pipe"])
def test_a_contract_that_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "features" / "titles"
    folder.mkdir(parents=True)
    make(folder / "contract.odcs.yaml")
    with pytest.raises(ContractError, match=r"features/titles/contract\.odcs\.yaml"):
        Registry.load(tmp_path)


def test_loading_every_contract_imports_no_heavy_library() -> None:
    code = (
        "import sys; from pathlib import Path; from matinee.contracts.registry import Registry; "
        f"Registry.load(Path(sys.argv[1])); print(*(m for m in {HEAVY!r} if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(CHECKOUT / "sql")],
        env={"PYTHONPATH": str(CHECKOUT / "jobs")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == []
