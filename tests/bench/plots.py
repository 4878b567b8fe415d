"""Plots: the figures of a call as a PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tests.bench.timings import Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"transform": "#4878a8", "cycle": "#d08040", "floor": "#b0b0b0"}


def plot_outcomes(path: Path, title: str, outcomes: Sequence[Outcome], limit_s: float) -> None:
    """Draw a bar for each contender, quickest first; one that did not end is drawn hatched, to the limit."""
    pyplot = _pyplot()
    ordered = sorted(
        outcomes, key=lambda outcome: outcome.seconds if outcome.seconds is not None else limit_s, reverse=True
    )
    figure, axes = pyplot.subplots(figsize=(9, 0.4 * len(ordered) + 1.5))
    for outcome in ordered:
        kind = "floor" if outcome.floor else outcome.kind
        seconds = limit_s if outcome.seconds is None else outcome.seconds
        bar = axes.barh(outcome.name, seconds, color=_COLOURS[kind], hatch="//" if outcome.seconds is None else None)
        ended = "failed" if outcome.failure else "did not end"
        axes.bar_label(bar, labels=[ended if outcome.seconds is None else f"{seconds:.2f}"], padding=3)
    axes.legend(handles=[pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in _COLOURS.values()], labels=_COLOURS)
    axes.set(xlabel="seconds, median", title=title)
    axes.margins(x=0.12)
    _save(figure, path)


def plot_sizes(path: Path, sizes: Sequence[int], seconds: Mapping[str, Sequence[float | None]]) -> None:
    """Draw the seconds of each contender against the size of the input."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, values in seconds.items():
        known = [(size / 1e6, value) for size, value in zip(sizes, values, strict=True) if value is not None]
        axes.plot(*zip(*known, strict=True), marker="o", linestyle="-" if "cycle" in name else "--", label=name)
    axes.set(xlabel="million impressions", ylabel="seconds, median", title="Cost against size", xlim=0, ylim=0)
    axes.legend()
    _save(figure, path)


def plot_panels(path: Path, title: str, panels: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a panel of bars for each measure, in each a bar for each contender, in the order given."""
    pyplot = _pyplot()
    names = list(next(iter(panels.values())))
    figure, shown = pyplot.subplots(1, len(panels), figsize=(4 * len(panels), 0.4 * len(names) + 1.8), sharey=True)
    for axes, (measure, values) in zip(shown, panels.items(), strict=True):
        bars = axes.barh(names, [values[name] for name in names], color=_COLOURS["transform"])
        axes.bar_label(bars, fmt="{:,.4g}", padding=3)
        axes.set(xlabel=measure)
        axes.margins(x=0.2)
    shown[0].invert_yaxis()
    figure.suptitle(title)
    _save(figure, path)


def _pyplot() -> ModuleType:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: "Figure", path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
