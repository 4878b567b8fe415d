"""`serve.yaml` beside a contract: which rows of the dataset are served, by which key, from which store."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from matinee.contracts.document import Misplaced, Piece, Place, line_of, read, repeated_keys
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.contracts.validate import Problem
from matinee.errors import ContractError, UsageError
from matinee.serving.keys import TYPES, Key

log = logging.getLogger(__name__)
FILE_NAME = "serve.yaml"
MOST_LINES = 20


@dataclass(frozen=True)
class Gates:
    """How far a version may differ from the active version; None: as far as it does.

    `added` and `removed` are shares of the active version's keys, `changed` is the share of common keys whose values
    differ in the columns `compare`.
    """

    added: float | None = None
    removed: float | None = None
    changed: float | None = None
    compare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """What `serve.yaml` says.

    Attributes:
        dataset: what is served.
        key: the columns of the key, in the order of the keys.
        values: the columns of the value.
        last_days: how many days up to the key of a version are served; 1: its newest key alone, None: all days.
        store: where versions are served from.
        shards: how many tasks of the engine write a version.
        keep: how many versions are kept.
        when: "published": when served rows have changed; "by_hand": by command alone.
        on_withdraw: what becomes of the active version when a day of it is withdrawn: "keep" or "rollback".
        gates: how far a version may differ from the active version.
    """

    dataset: str
    key: Key
    values: tuple[str, ...]
    last_days: int | None
    store: str
    shards: int
    keep: int
    when: str
    on_withdraw: str
    gates: Gates

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.key.names, *self.values)


def load(contract: Contract) -> Declaration:
    """Return what is declared of a dataset.

    Raises:
        UsageError: no `serve.yaml` stands beside its contract.
        ContractError: the file is wrong; the error names the first mistake with file and line.
    """
    problems = check(contract)
    if problems:
        raise ContractError(
            f"{problems[0]}.",
            next_step=f"Correct it; `matinee kv check {contract.dataset}` names all mistakes.",
            facts={"file": problems[0].file, "line": problems[0].line, "reason": problems[0].reason},
        )
    return _declared(contract, read((contract.folder / FILE_NAME).read_text(encoding="utf-8")).value)


def is_served(contract: Contract) -> bool:
    """Whether a dataset has a `serve.yaml`."""
    return not contract.is_live and (contract.folder / FILE_NAME).is_file()


def served(registry: Registry) -> list[Contract]:
    """Return the contracts of the datasets that are served."""
    return [contract for contract in registry.all() if is_served(contract)]


def every_served(registry: Registry, sql_dir: Path) -> list[str]:
    """Return the names of the datasets that are served, those whose contract cannot be used now among them.

    What a server needs to know of a version stands in the version.
    """
    names = [contract.dataset for contract in served(registry)]
    for name, error in sorted(registry.left_out.items()):
        if sql_dir.joinpath(*name.split("."), FILE_NAME).is_file():
            log.warning("%s is served from its active version: %s", name, error.message)
            names.append(name)
    return names


def check(contract: Contract) -> list[Problem]:
    """Return what is wrong with the `serve.yaml` of a dataset, by line.

    Raises:
        UsageError: no `serve.yaml` stands beside its contract.
    """
    file = contract.folder / FILE_NAME
    if not is_served(contract):
        raise UsageError(
            f"{contract.dataset} is not served: no {file} stands beside its contract.",
            next_step=f"Write {FILE_NAME} there; sql/README.md shows one.",
            facts={"dataset": contract.dataset, "file": file},
        )
    try:
        root = read(file.read_text(encoding="utf-8"))
        faults = [(line, f"key '{key}' stands here again") for line, key in repeated_keys(file)]
        for stage in (_against_schema, _against_contract):
            # Where a piece has a wrong form, the rules cannot judge it.
            faults = faults or [(line_of(file, place), reason) for place, reason in stage(root, contract)]
        lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            faults.append((MOST_LINES + 1, f"has {lines} lines: at most {MOST_LINES} say what is served"))
    except Misplaced as error:
        faults = [(line_of(file, error.place), error.reason)]
    except (OSError, UnicodeDecodeError) as error:
        faults = [(1, f"cannot be read: {error}")]
    return sorted({Problem(file, line, reason) for line, reason in faults})


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(Path(__file__).with_name("serve.schema.json").read_text()))


def _against_schema(root: Piece, _: Contract) -> Iterator[tuple[Place, str]]:
    for error in _schema().iter_errors(root.value):
        told = best_match([error]) or error
        place: Place = tuple(told.absolute_path)
        stray = (
            [key for key in told.instance if key not in told.schema["properties"]]
            if (told.validator == "additionalProperties")
            else []
        )
        names = [str(step) for step in place if isinstance(step, str)]
        reason = f"knows no {', '.join(map(repr, stray))} here" if stray else told.message
        yield (*place, *stray[:1]), f"{names[-1]}: {reason}" if names else reason


def _against_contract(root: Piece, contract: Contract) -> Iterator[tuple[Place, str]]:
    if contract.transform is None or not contract.audited:
        yield ("key",), f"{contract.dataset} is not published: only audited rows are served"
    if root.value["rows"] != "all" and contract.day_column is None:  # type: ignore[index]
        yield ("rows",), f"{contract.dataset} is not kept by day: its rows are `all`"
    yield from _columns(root, contract)
    declared = _declared(contract, root.value)
    for position, name in enumerate(root.value.get("values", ())):  # type: ignore[attr-defined]
        if name in declared.key.names:
            yield ("values", position), f"{name} stands in the key already"
    for position, name in enumerate(declared.gates.compare):
        if name in contract.column_names and name not in declared.values:
            yield ("gates", "compare", position), f"{name} is not among the values"
    if declared.gates.changed is not None and not declared.gates.compare:
        yield ("gates", "changed"), "changed needs `compare`: the columns in which values are compared"


def _columns(root: Piece, contract: Contract) -> Iterator[tuple[Place, str]]:
    columns = {column.name: column for column in contract.columns}
    for place, name in _named(root):
        column = columns.get(name)
        if column is None:
            yield place, f"{contract.dataset} has no column {name}"
        elif place[0] == "key" and column.type not in TYPES:
            yield place, f"{name} is a {column.type}: a key has columns of type {', '.join(TYPES)}"
        elif place[0] == "key" and not column.required:
            yield place, f"{name} may be null: a key has no NULL"


def _named(root: Piece) -> Iterator[tuple[Place, str]]:
    gates = root.find("gates")
    for piece in (root.find("key"), root.find("values"), gates.find("compare") if gates else None):
        for item in piece.items() if piece else ():
            yield item.place, item.text()


def _declared(contract: Contract, stated: Any) -> Declaration:  # noqa: ANN401 - a document that fits the schema
    types = {column.name: column.type for column in contract.columns}
    key = Key(tuple(stated["key"]), tuple(types.get(name, "string") for name in stated["key"]))
    others = tuple(name for name in contract.column_names if name not in key.names)
    gates = stated.get("gates", {})
    rows = stated["rows"]
    return Declaration(
        dataset=contract.dataset,
        key=key,
        values=tuple(stated.get("values", others)),
        last_days=rows["last_days"] if isinstance(rows, dict) else 1 if rows == "newest_key" else None,
        store=stated.get("store", "rocksdb"),
        shards=stated.get("shards", 4),
        keep=stated.get("keep", 3),
        when=stated.get("when", "published"),
        on_withdraw=stated.get("on_withdraw", "keep"),
        gates=Gates(gates.get("added"), gates.get("removed"), gates.get("changed"), tuple(gates.get("compare", ()))),
    )
