"""The plot of a backtest: a panel for each measure, in each a bar for each rule."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from matinee.alerts.backtest import Score
from matinee.errors import EnvironmentNotReadyError, UsageError
from matinee.foreign import translating

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("png", "svg", "pdf")
_WITHIN, _OVER = "#4878a8", "#c04040"


def plot(scores: Sequence[Score], title: str, path: Path) -> None:
    """Draw the scores of rules into a file; a measure that nothing is known of has no bar.

    Raises:
        EnvironmentNotReadyError: Matplotlib is not installed.
        UsageError: the name of the file states no format that is known.
        MatineeError: the file cannot be written; see `foreign.translated`.
    """
    if path.suffix.removeprefix(".") not in FORMATS:
        raise UsageError(
            f"{path} names no format of a plot.", next_step=f"End its name in one of .{', .'.join(FORMATS)}."
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EnvironmentNotReadyError(
            "A plot needs Matplotlib, which is not installed.",
            next_step="Install the extra `plots` (`pip install 'matinee[plots]'`), or leave `--plot` out.",
        ) from error
    figure = Figure(figsize=(14, 0.4 * len(scores) + 1.8), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    _pages(panels[0], scores)
    _bars(panels[1], "precision", scores, [each.precision for each in scores])
    _bars(panels[2], "recall", scores, [each.recall for each in scores])
    _bars(panels[3], "delay in minutes, median", scores, [_minutes(each.delay) for each in scores])
    panels[0].invert_yaxis()
    figure.suptitle(title)
    with translating(str(path)):
        figure.savefig(path, dpi=120)


def _pages(axes: "Axes", scores: Sequence[Score]) -> None:
    """Draw pages a week, and the budget of each rule as a mark."""
    _bars(axes, "pages a week (|: budget)", scores, [each.pages for each in scores])
    for each in scores:
        if each.budget is not None:
            axes.plot([each.budget], [each.rule], marker="|", markersize=16, color="black")


def _bars(axes: "Axes", measure: str, scores: Sequence[Score], values: Sequence[float | None]) -> None:
    colours = [_OVER if each.is_over else _WITHIN for each in scores]
    bars = axes.barh([each.rule for each in scores], [value or 0.0 for value in values], color=colours)
    axes.bar_label(bars, labels=["unknown" if value is None else f"{value:.3g}" for value in values], padding=3)
    axes.set(xlabel=measure)
    axes.margins(x=0.25)


def _minutes(delay: timedelta | None) -> float | None:
    return delay / timedelta(minutes=1) if delay is not None else None
