"""The registry: every dataset's contract, and which dataset is made from which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from matinee.contracts.loader import FILE_NAME, load
from matinee.contracts.model import Contract
from matinee.errors import ContractError, UnknownDatasetError


@dataclass(frozen=True)
class Registry:
    """The contracts of a folder of datasets; inputs always stand before what is made from them."""

    contracts: Mapping[str, Contract] = field(hash=False)

    @classmethod
    def load(cls, sql_dir: Path) -> "Registry":
        """Read `<sql_dir>/<namespace>/<dataset>/contract.odcs.yaml`, all of them.

        Raises:
            ContractError: there is no contract, a contract cannot be read or its folder has another name, an input is
                not declared, or datasets are made from each other in a circle.
        """
        contracts = {}
        for file in contract_files(sql_dir):
            contract = load(file)
            if f"{file.parent.parent.name}.{file.parent.name}" != contract.dataset:
                raise _refused(contract, "stands in a folder of another name")
            contracts[contract.dataset] = contract
            if contract.has_live:
                contracts[contract.as_live().dataset] = contract.as_live()
        if not contracts:
            raise ContractError(
                f"{sql_dir} holds no contracts.",
                next_step=f"Set MATINEE_SQL_DIR to the folder that holds <namespace>/<dataset>/{FILE_NAME}.",
                facts={"sql_dir": sql_dir},
            )
        return cls({dataset: contracts[dataset] for dataset in _order(contracts)})

    def get(self, dataset: str) -> Contract:
        """Return a dataset's contract.

        Raises:
            UnknownDatasetError: no contract declares it; the error names similar datasets.
        """
        if dataset not in self.contracts:
            near = get_close_matches(dataset, self.contracts, n=3, cutoff=0.5)
            near = near or [known for known in self.contracts if known.endswith(f".{dataset}")]
            raise UnknownDatasetError(
                f"No contract declares {dataset}.",
                next_step=f"Did you mean {' or '.join(near or sorted(self.contracts))}?",
                facts={"dataset": dataset},
            )
        return self.contracts[dataset]

    def all(self) -> tuple[Contract, ...]:
        """Return every contract, inputs before what is made from them."""
        return tuple(self.contracts.values())

    def upstream_order(self, datasets: Iterable[str]) -> tuple[str, ...]:
        """Return these datasets, each after the datasets that it is made from, directly or not."""
        wanted = {self.get(dataset).dataset for dataset in datasets}
        return tuple(dataset for dataset in self.contracts if dataset in wanted)

    def downstream(self, dataset: str) -> tuple[str, ...]:
        """Return what is made from the dataset, directly or not, inputs before what is made from them."""
        reached = {self.get(dataset).dataset}
        for contract in self.contracts.values():
            if any(spec.dataset in reached for spec in contract.inputs):
                reached.add(contract.dataset)
        return tuple(name for name in self.contracts if name in reached and name != dataset)


def contract_files(sql_dir: Path) -> list[Path]:
    """Return the contracts of a folder of datasets, also those that are links to nowhere: a dataset would vanish."""
    files = (folder / FILE_NAME for folder in sql_dir.glob("*/*"))
    return sorted(file for file in files if file.is_symlink() or file.exists())


def _order(contracts: Mapping[str, Contract]) -> tuple[str, ...]:
    for contract in contracts.values():
        for spec in contract.inputs:
            if spec.dataset not in contracts:
                raise _refused(contract, f"reads {spec.dataset}, which no contract declares")
    graph = {name: [spec.dataset for spec in contract.inputs] for name, contract in contracts.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = error.args[1]
        raise _refused(contracts[circle[0]], f"is made from itself: {' <- '.join(circle)}") from error


def _refused(contract: Contract, what: str) -> ContractError:
    file = contract.folder / FILE_NAME
    return ContractError(
        f"{file}: {contract.dataset} {what}.",
        next_step="Correct it; `matinee contract check` names the line.",
        facts={"file": file, "dataset": contract.dataset},
    )
