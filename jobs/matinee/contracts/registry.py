"""The registry: every dataset's contract, and which dataset is made from which."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from matinee.contracts.left_out import NEXT_STEP, REGISTERS, usable
from matinee.contracts.loader import FILE_NAME
from matinee.contracts.model import Contract, live_name
from matinee.errors import ContractError, UnknownDatasetError


@dataclass(frozen=True)
class Registry:
    """The contracts of a folder of datasets that can be used; inputs always stand before what is made from them.

    Attributes:
        contracts: by dataset; a live table has a contract of its own.
        left_out: the error of each dataset whose contract cannot be used, or that is made from such a dataset. They
            keep no other dataset from anything, except from what would be wrong without them (`require_all`).
    """

    contracts: Mapping[str, Contract] = field(hash=False)
    left_out: Mapping[str, ContractError] = field(default_factory=dict, hash=False)

    @classmethod
    def load(cls, sql_dir: Path) -> "Registry":
        """Read `<sql_dir>/<namespace>/<dataset>/contract.odcs.yaml`, all of them.

        A contract is left out if it cannot be read, its folder has another name, it claims what another contract
        claims, an input is not declared or left out, or datasets are made from each other in a circle.

        Raises:
            ContractError: there is no contract that can be used, or the contract of a register of the lake cannot be
                used.
        """
        declared, left_out = usable(contract_files(sql_dir))
        lost = next((name for name in left_out if name.startswith(f"{REGISTERS}.") or not declared), None)
        if lost:
            raise copy(left_out[lost])
        if not declared:
            raise ContractError(
                f"{sql_dir} holds no contracts.",
                next_step=f"Set MATINEE_SQL_DIR to the folder that holds <namespace>/<dataset>/{FILE_NAME}.",
                facts={"sql_dir": sql_dir},
            )
        contracts = {}
        for dataset, contract in declared.items():
            contracts[dataset] = contract
            if contract.has_live:
                contracts[live_name(dataset)] = contract.as_live()
        return cls(contracts, left_out)

    @property
    def names(self) -> frozenset[str]:
        """Every dataset that a contract is there for, those that are left out, too."""
        return frozenset({*self.contracts, *self.left_out})

    def get(self, dataset: str) -> Contract:
        """Return a dataset's contract.

        Raises:
            ContractError: the dataset is left out.
            UnknownDatasetError: no contract declares it; the error names similar datasets.
        """
        if dataset in self.contracts:
            return self.contracts[dataset]
        for left_out, error in self.left_out.items():
            if dataset in (left_out, live_name(left_out)):
                raise copy(error)
        near = get_close_matches(dataset, self.names, n=3, cutoff=0.5)
        near = near or [known for known in self.contracts if known.endswith(f".{dataset}")]
        raise UnknownDatasetError(
            f"No contract declares {dataset}.",
            next_step=f"Did you mean {' or '.join(near or sorted(self.contracts))}?",
            facts={"dataset": dataset},
        )

    def require_all(self, otherwise: str) -> None:
        """Refuse to go on where a dataset is left out: nothing is known of what its contract would say.

        Args:
            otherwise: what is refused, or was left undone; the message begins with it.

        Raises:
            ContractError: a dataset is left out; the error names each, with file, line and reason.
        """
        if not self.left_out:
            return
        own = [error.message.rstrip(".") for error in self.left_out.values() if "depends_on" not in error.facts]
        dependent = sorted(name for name, error in self.left_out.items() if "depends_on" in error.facts)
        also = f"; {', '.join(dependent)} {'are' if len(dependent) > 1 else 'is'} made from that" if dependent else ""
        raise ContractError(
            f"{otherwise}: {'; '.join(dict.fromkeys(own))}{also}.",
            next_step=NEXT_STEP,
            facts={"left_out": ", ".join(sorted(self.left_out))},
        )

    def words(self) -> dict[str, str]:
        """Return the datasets that files are landed for, by the word that their files' names begin with.

        Longer words come first. A dataset whose contract cannot be read counts where files are landed for others of its
        namespace, so that its files are nobody else's.
        """
        landed = [contract for contract in self.all() if contract.files]
        spaces, words = {contract.namespace for contract in landed}, {each.name: each.dataset for each in landed}
        for dataset in self.left_out:
            namespace, _, word = dataset.partition(".")
            if namespace in spaces:
                words.setdefault(word, dataset)
        return dict(sorted(words.items(), key=lambda named: -len(named[0])))

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
    """Return the contracts of a folder of datasets, also those that are links to nowhere: a dataset would vanish.

    Raises:
        ContractError: a folder cannot be listed, so nobody knows which datasets it holds.
    """
    try:
        namespaces = [folder for folder in sql_dir.iterdir() if folder.is_dir()] if sql_dir.is_dir() else []
        files = [folder / FILE_NAME for namespace in namespaces for folder in namespace.iterdir()]
    except OSError as error:
        raise ContractError(
            f"The folders of datasets cannot be listed: {error}.",
            next_step="Give the user that runs Matinee the right to read them.",
            facts={"sql_dir": sql_dir},
        ) from error
    return sorted(filter(_is_there, files))


def _is_there(file: Path) -> bool:
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # Whoever loads it learns why.
        return True
    return True
