"""Datasets that are left out: their contract cannot be used, or what they are made from is left out.

A bad contract keeps only its own dataset, and what is made from the dataset, from its commands. Contracts that claim
the same table, topic or files are all left out: nothing says which of them is right.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from matinee.contracts.document import line_of, read
from matinee.contracts.loader import FILE_NAME, load
from matinee.contracts.model import Contract, live_name
from matinee.contracts.readers import SQL_FILE
from matinee.contracts.subject import Subject
from matinee.errors import ContractError

NEXT_STEP = "Correct it; `matinee contract check` names the line of each mistake."
#: The namespace of the lake's own registers: no command is safe without one of them.
REGISTERS = "ops"

Contracts = dict[str, Contract]
Errors = dict[str, ContractError]


def usable(files: Iterable[Path]) -> tuple[Contracts, Errors]:
    """Return the contracts that can be used, inputs before what is made from them, and the error of each other dataset.

    The error of a dataset that is only made from such a dataset has the fact `depends_on`.
    """
    declared, errors = readable(files)
    for name, error in _claimed_twice(declared):
        errors.setdefault(name, error)
    for contract in declared.values():
        for spec in contract.inputs:
            if spec.dataset not in declared and spec.dataset not in errors:
                what = f"reads {spec.dataset}, which no contract declares"
                errors.setdefault(contract.dataset, _refused(contract, "inputs", what))
    order = _ordered({name: contract for name, contract in declared.items() if name not in errors}, errors)
    for contract in map(declared.__getitem__, order):
        causes = [errors[spec.dataset] for spec in contract.inputs if spec.dataset in errors]
        if causes:
            errors[contract.dataset] = _dependent(contract, causes)
    return {name: declared[name] for name in order if name not in errors}, errors


def readable(files: Iterable[Path]) -> tuple[Contracts, Errors]:
    """Return the contracts that can be read and stand in the folder of their name, and the error of each other one."""
    declared, errors = Contracts(), Errors()
    for file in files:
        named = f"{file.parent.parent.name}.{file.parent.name}"
        try:
            contract = load(file)
        except ContractError as error:
            facts = {"dataset": named, **error.facts}
            errors[named] = ContractError(error.message, next_step=error.next_step, facts=facts)
            continue
        if contract.dataset != named:
            # Nothing says which of the two names is right.
            errors[named] = errors[contract.dataset] = _refused(contract, "id", "stands in a folder of another name")
            continue
        try:
            if contract.transform == SQL_FILE:
                (contract.folder / SQL_FILE).read_text(encoding="utf-8")
            declared[named] = contract
        except (OSError, UnicodeError) as error:
            errors[named] = _refused(contract, "transform", f"is made by {SQL_FILE}, which cannot be read: {error}")
    return {name: contract for name, contract in declared.items() if name not in errors}, errors


def _claimed_twice(declared: Mapping[str, Contract]) -> Iterator[tuple[str, ContractError]]:
    claims = defaultdict[str, list[Contract]](list)
    for contract in declared.values():
        claims[f"the table {contract.dataset}"].append(contract)
        if contract.has_live:
            claims[f"the table {live_name(contract.dataset)}"].append(contract)
        if contract.topic:
            claims[f"the topic {contract.topic}"].append(contract)
        if contract.files:
            claims[f"the files {contract.name}*"].append(contract)
    for claimed, contracts in claims.items():
        for contract in contracts if len(contracts) > 1 else ():
            others = " and ".join(other.dataset for other in contracts if other is not contract)
            yield contract.dataset, _refused(contract, "id", f"claims {claimed}, as {others} does")


def _ordered(contracts: Contracts, errors: Errors) -> tuple[str, ...]:
    """Return the datasets, inputs first; those that are made from each other in a circle get an error instead."""
    while True:
        graph = {
            name: [spec.dataset for spec in contract.inputs if spec.dataset in contracts]
            for name, contract in contracts.items()
        }
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = error.args[1]
            for name in circle[1:]:
                what = f"is made from itself: {' <- '.join(circle)}"
                errors[name] = _refused(contracts.pop(name), "inputs", what)


def _dependent(contract: Contract, causes: list[ContractError]) -> ContractError:
    roots = list(dict.fromkeys(str(cause.facts.get("cause", cause.message)) for cause in causes))
    names = dict.fromkeys(name for cause in causes for name in _names(cause))
    return ContractError(
        f"{contract.dataset} is made from {' and '.join(names)}, whose contract cannot be used: {' '.join(roots)}",
        next_step=NEXT_STEP,
        facts={"dataset": contract.dataset, "depends_on": ", ".join(names), "cause": " ".join(roots)},
    )


def _names(cause: ContractError) -> list[str]:
    return str(cause.facts.get("depends_on") or cause.facts["dataset"]).split(", ")


def _refused(contract: Contract, at: str, what: str) -> ContractError:
    file = contract.folder / FILE_NAME
    root = read(file.read_text(encoding="utf-8"))
    line = line_of(file, ("id",) if at == "id" else Subject(contract, root, {}).custom(at))
    reason = f"{contract.dataset} {what}"
    return ContractError(
        f"{file}:{line}: {reason}.",
        next_step=NEXT_STEP,
        facts={"dataset": contract.dataset, "file": file, "line": line, "reason": reason},
    )
