"""What the readers of a contract need: parameters of systems, transforms and SQL, and a follower of its live table."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Literal

from matinee.contracts.document import is_number
from matinee.contracts.model import Contract
from matinee.hooks import registered

#: A package registers a `Needs` under this: by the kind of the datasets, as `live` of those with a live table, or by
#: the name of the transform that reads them.
HOOK = "matinee.parameters"

#: A follower, which updates live tables, is registered under this, by the name of the datasets' transform.
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

    A transform that registers no needs counts as reading all of them.
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


def shared_audits(contract: Contract) -> tuple[Path, ...]:
    """Return the files of the shared audits that a contract names."""
    return tuple(contract.folder.parents[1] / "audits" / f"{name}.sql" for name in contract.audits)


def placeholders(contract: Contract) -> dict[str, str]:
    """Return the names that a shared audit's SQL has a `$` placeholder for, as the contract fills them.

    Those are `$key` (the columns of the primary key, with commas between), `$day` (the day column) and `$input` (the
    alias of the only input). What a contract has none of is left out.
    """
    alias = contract.inputs[0].alias if len(contract.inputs) == 1 else ""
    names = {"key": ", ".join(contract.key_columns), "day": contract.day_column or "", "input": alias}
    return {name: filling for name, filling in names.items() if filling}


def audit_faults(contract: Contract) -> Iterator[str]:
    """Yield why the contract cannot have a shared audit that it names."""
    for position, file in enumerate(shared_audits(contract)):
        if file.stem in contract.audits[:position] or (contract.folder / "audits" / file.name).is_file():
            yield f"two audits are called {file.stem}: their verdicts could not be told apart"
        if not file.is_file():
            known = ", ".join(sorted(audit.stem for audit in file.parent.glob("*.sql"))) or "none"
            yield f"{file.stem} is no shared audit; known are {known}"
            continue
        template = Template(file.read_text(encoding="utf-8"))
        if not template.is_valid():
            yield f"{file.name} has a $ that begins no placeholder"
        for name in sorted({*template.get_identifiers()} - {*placeholders(contract)}):
            yield f"{file.name} has a placeholder ${name}, which this contract does not fill"


def faults(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the custom property at which something is missing or of another kind than its reader needs, and why.

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
    yield from (("audits", reason) for reason in audit_faults(contract))
    known = {*RUN_ARGUMENTS, *(sql_name(name, value) for name, value in contract.parameters.items())}
    shared = [file for file in shared_audits(contract) if file.is_file()]
    for file in sorted([*contract.folder.glob("*.sql"), *contract.folder.glob("audits/*.sql"), *shared]):
        for argument in sorted(_bound(file) - known):
            yield "parameters", f"{file.name} binds :{argument}, which no parameter declares"
