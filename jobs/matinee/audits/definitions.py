"""Audits as files: a header of settings, one query for the bad rows.

A dataset's own audits are `sql/<namespace>/<dataset>/audits/<name>.sql`. Audits that several datasets share are
`sql/audits/<name>.sql`: a contract names them, and fills their placeholders with the names of its columns and input.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Literal

from matinee.contracts.loader import FILE_NAME
from matinee.contracts.model import Contract
from matinee.contracts.readers import audit_faults, placeholders, shared_audits
from matinee.errors import ContractError

_HEADER = re.compile(r"^--\s*([a-z_]+):\s*(.+?)\s*$")
_KNOWN = {"severity", "why", "min_history_days", "min_rows", "scope"}


@dataclass(frozen=True)
class Audit:
    """A query that returns the bad rows, with what its header says.

    `min_history_days` and `min_rows` are what the audit needs; below them its verdict is `insufficient`.
    `cross_day` audits run again when a change is replayed onto a `main` that moved.
    """

    name: str
    severity: Literal["blocking", "warning"]
    why: str
    sql: str
    min_history_days: int = 0
    min_rows: int = 0
    cross_day: bool = False


def load_audits(contract: Contract) -> tuple[Audit, ...]:
    """Return the dataset's audits, its own and the shared ones, in the order of their names.

    Raises:
        ContractError: a header is missing, unknown or has a bad value, with the file and line; or a shared audit does
            not exist or has a placeholder that the contract does not fill.
    """
    own = [parse_audit(path) for path in (contract.folder / "audits").glob("*.sql")]
    return tuple(sorted((*own, *_shared(contract)), key=lambda audit: audit.name))


def header_faults(contract: Contract) -> Iterator[tuple[Path, int, str]]:
    """Yield file, line and reason of each header that is not usable, of the dataset's own and its shared audits."""
    shared = [file for file in shared_audits(contract) if file.is_file()]
    for file in sorted([*(contract.folder / "audits").glob("*.sql"), *shared]):
        try:
            parse_audit(file)
        except ContractError as error:
            yield file, int(str(error.facts["line"])), str(error.facts["reason"])


def _shared(contract: Contract) -> list[Audit]:
    reason = next(audit_faults(contract), None)
    if reason:
        file = contract.folder / FILE_NAME
        raise ContractError(
            f"{file}: {reason}.",
            next_step="Correct it; `matinee contract check` names the line.",
            facts={"file": file, "dataset": contract.dataset},
        )
    names = placeholders(contract)
    audits = [parse_audit(path) for path in shared_audits(contract)]
    return [replace(audit, sql=Template(audit.sql).substitute(names)) for audit in audits]


def parse_audit(path: Path) -> Audit:
    """Read one audit file.

    Raises:
        ContractError: a header is missing, unknown or has a bad value; the file and line are named.
    """
    text = path.read_text()
    header = _header(path, text)
    severity = header.get("severity", "")
    if severity not in ("blocking", "warning") or not header.get("why"):
        raise _bad(path, 1, "an audit starts with '-- severity: blocking|warning' and '-- why: …'")
    return Audit(
        name=path.stem,
        severity=severity,  # type: ignore[arg-type]
        why=header["why"],
        sql=text.strip().rstrip(";"),
        min_history_days=int(header.get("min_history_days", "0")),
        min_rows=int(header.get("min_rows", "0")),
        cross_day=header.get("scope") == "cross_day",
    )


def _header(path: Path, text: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _HEADER.match(line)
        if match is None:
            if line.strip() and not line.startswith("--"):
                break
            continue
        name, value = match.groups()
        is_bad = (name.startswith("min_") and not value.isdigit()) or (name == "scope" and value != "cross_day")
        if name not in _KNOWN or name in settings or is_bad:
            raise _bad(path, number, f"'{name}: {value}' is not a setting of an audit")
        settings[name] = value
    return settings


def _bad(path: Path, line: int, reason: str) -> ContractError:
    return ContractError(
        f"{path}:{line}: {reason}.",
        next_step=f"Correct the header; known settings are {', '.join(sorted(_KNOWN))}.",
        facts={"file": path, "line": line, "reason": reason},
    )
