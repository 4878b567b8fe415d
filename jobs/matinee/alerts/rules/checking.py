"""Checking the rules against what they name: datasets, DAGs, channels, runbooks and their commands."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from matinee.alerts.backtest import backtested
from matinee.alerts.journal.store import Journal
from matinee.alerts.rules.loader import Known, Problem, load, look
from matinee.alerts.rules.runbooks import ParseCommand
from matinee.contracts.registry import Registry
from matinee.settings import CHECKOUT
from matinee.sinks.channels import CHANNELS

#: Budgets are compared with what the rules would have told within this time.
WEEKS = timedelta(weeks=4)


def check(folder: Path, sql_dir: Path, parse: ParseCommand) -> list[Problem]:
    """Return what is wrong with the rules and runbooks of a folder, by file and line.

    Args:
        folder: of the rules.
        sql_dir: of the contracts.
        parse: says why a call of `matinee` is wrong.

    Raises:
        ContractError: no contract can be used.
    """
    registry = Registry.load(sql_dir)
    datasets = {each.dataset: each.freshness < timedelta.max for each in registry.all()}
    datasets |= dict.fromkeys(registry.left_out, True)  # What their contracts say is not known.
    dags = {path.stem for path in (CHECKOUT / "dags").glob("*.py")} or None  # A wheel has no DAGs: none is refused.
    _, problems = look(folder, Known(datasets, dags, CHANNELS, parse))
    return problems


def over_budget(folder: Path, journal: Journal, at: datetime) -> Iterator[Problem]:
    """Yield the rules that would have told more pages a week than their budgets allow, in the last four weeks."""
    rules = load(folder)
    by_name = {rule.name: rule for rule in rules}
    for each in backtested(journal, rules, at - WEEKS, at):
        if each.is_over:
            rule = by_name[each.rule]
            reason = f"{rule.name} would have told {each.pages:.1f} pages a week; its budget is {rule.budget}"
            step = "Raise its threshold or `for`, make it a warning, or state a higher budget."
            yield Problem(rule.file, rule.line, reason, step)
