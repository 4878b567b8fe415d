"""Checking the rules against what they name: datasets, DAGs, channels, runbooks and their commands."""

from datetime import timedelta
from pathlib import Path

from matinee.alerts.rules.loader import Known, Problem, look
from matinee.alerts.rules.runbooks import ParseCommand
from matinee.contracts.registry import Registry
from matinee.settings import CHECKOUT
from matinee.sinks.channels import CHANNELS


def check(folder: Path, sql_dir: Path, parse: ParseCommand) -> list[Problem]:
    """Return what is wrong with the rules and runbooks of a folder, by file and line.

    Args:
        folder: of the rules.
        sql_dir: of the contracts.
        parse: says why a call of `matinee` is wrong.

    Raises:
        ContractError: a contract is wrong, so datasets are not known.
    """
    datasets = {each.dataset: each.freshness < timedelta.max for each in Registry.load(sql_dir).all()}
    dags = {path.stem for path in (CHECKOUT / "dags").glob("*.py")} or None  # A wheel has no DAGs: none is refused.
    _, problems = look(folder, Known(datasets, dags, CHANNELS, parse))
    return problems
