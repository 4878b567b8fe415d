"""Ratios: the targets, as far as the runs of a call tell."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.timings import Outcome

HINTED = ("spark-hinted", "spark-hinted-broadcast")
PEERS = ("duckdb-asof", "polars-asof")
CONTROL = ("audit", "ledger", "publish")


@dataclass(frozen=True)
class Ratio:
    """A ratio or another figure, as its name says, with its target, if it has one.

    `bound` says that the divisor was ended at the limit, so that it is at most this.
    """

    name: str
    kind: str
    value: float
    target: float | None
    bound: bool = False

    @property
    def met(self) -> bool:
        """Whether it is at most its target; what has none is only reported."""
        return self.target is None or self.value <= self.target


def join_ratios(
    outcomes: Mapping[str, Outcome], limit_s: float, uniform: Mapping[str, float] | None = None
) -> list[Ratio]:
    """Return the ratios of one join, without those that lack a contender or one of ours that did not end.

    Args:
        outcomes: by contender.
        limit_s: at which a contender was ended.
        uniform: medians of an earlier call on uniform data of the same size, where this one is on hot data.
    """
    ratios = [
        _over(outcomes, "ours-spark", ("spark-range-join",), "transform", 0.30, limit_s),
        _over(outcomes, "ours-spark", HINTED, "transform", 1.0, limit_s),
        _over(outcomes, "ours-sail", PEERS, "transform", 0.80, limit_s),
        _over(outcomes, "ours-sail-cycle", PEERS, "cycle", 1.3, limit_s),
        *(_control_share(outcomes, name) for name in ("ours-spark-cycle", "ours-sail-cycle")),
        *(_hot_over_uniform(outcomes, uniform or {}, name) for name in ("ours-spark", "ours-sail")),
    ]
    return [ratio for ratio in ratios if ratio is not None]


def control_seconds(steps: Mapping[str, float]) -> float:
    """Return the seconds of audits, ledger and publishing in the steps of a cycle."""
    return sum(seconds for name, seconds in steps.items() if name.rpartition(" ")[2] in CONTROL)


def marginal_ratio(seconds: Mapping[int, float]) -> float | None:
    """Return the cost of a row between the two greatest sizes over that between the two before; None if one is missing.

    Raises:
        ValueError: there are fewer than three sizes.
    """
    if len(seconds) < 3:
        raise ValueError("three sizes are needed")
    small, middle, great = sorted(seconds)[-3:]
    before = (seconds[middle] - seconds[small]) / (middle - small)
    return (seconds[great] - seconds[middle]) / (great - middle) / before if before > 0 else None


def _over(
    outcomes: Mapping[str, Outcome], ours: str, peers: tuple[str, ...], kind: str, target: float, limit_s: float
) -> Ratio | None:
    """Return ours over the best of the peers that ended, or over the limit; each must have run and none failed."""
    own = outcomes[ours].seconds if ours in outcomes else None
    if own is None or any(peer not in outcomes or outcomes[peer].failure for peer in peers):
        return None
    ended = [seconds for peer in peers if (seconds := outcomes[peer].seconds) is not None]
    name = peers[0] if len(peers) == 1 else f"the better of {' and '.join(peers)}"
    return Ratio(f"{ours} / {name}", kind, own / min(ended, default=limit_s), target, bound=not ended)


def _control_share(outcomes: Mapping[str, Outcome], name: str) -> Ratio | None:
    own = outcomes.get(name)
    if own is None or own.seconds is None:
        return None
    return Ratio(f"audits + publish + ledger / {name}", "cycle", control_seconds(own.steps) / own.seconds, 0.15)


def _hot_over_uniform(outcomes: Mapping[str, Outcome], uniform: Mapping[str, float], name: str) -> Ratio | None:
    own = outcomes[name].seconds if name in outcomes else None
    if own is None or name not in uniform:
        return None
    return Ratio(f"{name}: hot / uniform", "transform", own / uniform[name], 1.5)
