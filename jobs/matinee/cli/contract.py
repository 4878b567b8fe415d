"""`matinee contract`: check the contracts of datasets, and show what is derived from them."""

from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from matinee.audits.definitions import header_faults, load_audits
from matinee.cli.output import OUT, emit, emit_one, output_option, working
from matinee.contracts.checks import compile_checks
from matinee.contracts.ddl import create_statement
from matinee.contracts.loader import load
from matinee.contracts.registry import Registry
from matinee.contracts.validate import Problem, check_all
from matinee.contracts.validate import check as check_file
from matinee.errors import ContractError
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def contract() -> None:
    """Contracts: the YAML that declares a dataset."""


@contract.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@output_option
def check(paths: tuple[Path, ...], output: str) -> None:
    """Check contracts (default: all of this lake's), and the headers of their audits; exit 1 if anything is wrong.

    Each problem is named by file, line and reason.

    \b
    Example:
      matinee contract check sql/core/plays/contract.odcs.yaml
    """
    folder = load_settings().sql_dir
    files = [file for path in paths or (folder,) for file in _files(path)]
    problems = [problem for file in files for problem in check_file(file)] if paths else check_all(folder)
    problems += sorted({problem for file in files for problem in _headers(file)})
    emit(
        [{"file": problem.file, "line": problem.line, "reason": problem.reason} for problem in problems],
        output,
        empty=f"{len(files)} contracts are valid.",
    )
    if problems:
        raise click.exceptions.Exit(1)


@contract.command()
@click.argument("dataset")
@output_option
def show(dataset: str, output: str) -> None:
    """Show what DATASET declares and what is derived from it: DDL and checks, and the names of its audits.

    \b
    Example:
      matinee contract show core.impression_plays
    """
    settings = load_settings()
    declared = Registry.load(settings.sql_dir).get(dataset)
    facts = {
        "dataset": declared.dataset,
        "version": declared.version,
        "owner": declared.owner,
        "kind": declared.kind,
        "dag": declared.dag,
        "description": declared.description,
        "audited": declared.audited,
        "inputs": [f"{spec.dataset} as {spec.alias}" for spec in declared.inputs],
        "transform": declared.transform,
        "parameters": dict(declared.parameters),
        "completeness": declared.completeness_share,
        "freshness": declared.freshness,
        "retention": f"{declared.retain_publications} publications a day, {declared.retain}",
        "checks": [check.name for check in compile_checks(declared).checks],
        "audits": [audit.name for audit in load_audits(declared)] if declared.audited else [],
    }
    ddl = create_statement(declared, settings.catalog_name)
    if output == "json":
        emit_one({**facts, "ddl": ddl}, output)
        return
    emit_one(facts, output)
    OUT.print(f"\n{ddl}", highlight=False)


@contract.command()
@click.argument("dataset", required=False)
@output_option
def plan(dataset: str | None, output: str) -> None:
    """Show what changed contracts (of DATASET, or of all) change, and the published days that they restate.

    A day is restated where it was made by another version of its contract or under other terms (transform, key, cells,
    inputs, or a parameter that decides rows), and where it reads such a day. Nothing is started.

    \b
    Example:
      matinee contract plan core.play_attributions
    """
    from matinee.healing.contract_changes import contract_changes

    lake = Lake.open(load_settings())
    wanted = lake.registry.get(dataset).dataset if dataset else None
    with working("Looking at what was published …", output):
        rows, refused = list[dict[str, Any]](), None
        try:
            for change in contract_changes(lake):
                rows += [vars(change)] if wanted in (None, change.dataset) else []
        except ContractError as error:
            refused = error
    shown = rows if output == "json" else [row | {"days": _ranges(row["days"])} for row in rows]
    emit(shown, output, empty="Tables and published days are as their contracts say.")
    if refused is not None:
        raise refused
    if dataset is None:
        lake.registry.require_all("Not everything is shown")


def _ranges(days: tuple[date, ...]) -> str | None:
    """Return days as unbroken ranges, in words."""
    firsts = [day for day in days if day - timedelta(days=1) not in days]
    lasts = [day for day in days if day + timedelta(days=1) not in days]
    ranges = (f"{a}" if a == b else f"{a} to {b}" for a, b in zip(firsts, lasts, strict=True))
    return f"{', '.join(ranges)} ({len(days)})" if days else None


def _headers(file: Path) -> list[Problem]:
    """Return what is wrong with the headers of a contract's audits."""
    with suppress(ContractError):  # The check of the contract tells it.
        return [Problem(*fault) for fault in header_faults(load(file))]
    return []


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("contract.odcs.yaml")) if path.is_dir() else [path]
