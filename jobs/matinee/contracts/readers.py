"""What a contract must have for what reads it: parameters of systems, transforms and SQL; what fills its live table."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from matinee.contracts.document import is_number
from matinee.contracts.model import Contract
from matinee.hooks import registered

#: A package registers a `Needs` under this: by the kind of the datasets, as `live` of those with a live table, or by
#: the name of the transform that reads them.
HOOK = "matinee.parameters"

#: What brings live tables up to what is landed is registered under this, by the name of the datasets' transform.
FOLLOWERS = "matinee.followers"

#: What a contract names as its transform when the SQL stands beside it.
SQL_FILE = "transform.sql"

#: What must be declared, and what it is.
Needs = Mapping[str, Literal["duration", "number"]]

#: What SQL can bind beside parameters.
RUN_ARGUMENTS = ("first_day", "last_day", "as_of")

_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'", re.DOTALL)
_ARGUMENT = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def sql_name(parameter: str, value: str) -> str:
    """Return the name by which SQL binds a parameter: `_` for `.`, and `_us` after a duration's."""
    name = parameter.replace(".", "_")
    return name if is_number(value) else f"{name}_us"


def decides_rows(contract: Contract) -> dict[str, str]:
    """Return the parameters that the contract's transform reads, with their values.

    Of a transform that registers no needs these are all.
    """
    if contract.transform == SQL_FILE:
        bound = _bound(contract.folder / SQL_FILE)
        return {name: value for name, value in contract.parameters.items() if sql_name(name, value) in bound}
    hook = registered(HOOK).get(contract.transform or "")
    needs: Needs = hook.load() if hook else {}
    return {name: value for name, value in contract.parameters.items() if hook is None or name in needs}


def _bound(file: Path) -> set[str]:
    """Return what the SQL of a file binds."""
    return set(_ARGUMENT.findall(_COMMENT_OR_TEXT.sub(" ", file.read_text(encoding="utf-8"))))


def faults(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the custom property at which something is missing or of another kind than what reads it needs, and why.

    Raises:
        EnvironmentNotReadyError: the package is not installed, so nothing says what is read.
    """
    hooks = registered(HOOK)
    readers = [contract.kind, contract.transform or "", *(["live"] if contract.has_live else [])]
    for reader in (reader for reader in readers if reader in hooks):
        needs: Needs = hooks[reader].load()
        for name, kind in needs.items():
            value = contract.parameters.get(name)
            if value is None:
                yield "parameters", f"parameter {name} is missing: {reader} reads it, a {kind}"
            elif is_number(value) != (kind == "number"):
                yield "parameters", f"parameter {name} is '{value}', and {reader} reads a {kind}"
    if contract.has_live and contract.transform not in registered(FOLLOWERS):
        yield "live", f"nothing follows what {contract.transform} makes, so it can have no live table"
    known = {*RUN_ARGUMENTS, *(sql_name(name, value) for name, value in contract.parameters.items())}
    for file in sorted([*contract.folder.glob("*.sql"), *contract.folder.glob("audits/*.sql")]):
        for argument in sorted(_bound(file) - known):
            yield "parameters", f"{file.name} binds :{argument}, which no parameter declares"
