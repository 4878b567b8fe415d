"""No system knows a dataset by its name, an alias or a column: contracts say what systems need."""

import ast
from collections.abc import Iterator
from pathlib import Path

from matinee.contracts.loader import DATASET_PROPERTIES
from matinee.contracts.registry import Registry
from matinee.settings import CHECKOUT

REGISTRY = Registry.load(CHECKOUT / "sql")
REGISTERS = [contract for contract in REGISTRY.all() if contract.kind == "register"]
SHIPPED = [contract for contract in REGISTRY.all() if contract.kind != "register"]
#: Names of shipped datasets, aliases of their inputs, and their columns; without columns of registers and words of
#: contracts.
NAMES = {
    *(contract.dataset for contract in SHIPPED),
    *(spec.alias for contract in SHIPPED for spec in contract.inputs),
    *(name for contract in SHIPPED for name in contract.column_names),
} - {*DATASET_PROPERTIES, *(name for contract in REGISTERS for name in contract.column_names)}
#: Folders about impressions and plays; a system may have one module `impressions.py`.
ABOUT = ("jobs/matinee/domain/", "jobs/matinee/demo/", "jobs/matinee/sources/simulator/")


def modules() -> Iterator[str]:
    for folder in ("jobs", "plugins", "dags"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            name = path.relative_to(CHECKOUT).as_posix()
            if not name.startswith(ABOUT) and path.name != "impressions.py":
                yield name


def named(text: str, names: set[str]) -> list[str]:
    """Return the strings of a module that equal a name, or that end with a name after an alias (`alias.column`)."""
    tree = ast.parse(text)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    columns = {text: text.rpartition(".")[2] for text in texts if text not in REGISTRY.contracts}
    return [text for text in texts if {text, columns.get(text)} & names]


def test_no_module_names_a_shipped_dataset_an_alias_or_a_column_of_one() -> None:
    named_in = {}
    for name in modules():
        # A DAG file declares the datasets whose contracts name the DAG.
        own = {contract.dataset for contract in SHIPPED if contract.dag == Path(name).stem}
        named_in[name] = named((CHECKOUT / name).read_text(), NAMES - own)
    assert {name: texts for name, texts in named_in.items() if texts} == {}


def test_a_name_is_found_wherever_it_stands() -> None:
    text = 'KINDS = {"core.plays": ["event_id"]}\nlive["live.event_ts"]\nname = f"{KINDS}events"\nother = "all plays"\n'
    assert set(named(text, NAMES)) == {"core.plays", "event_id", "live.event_ts", "events"}
