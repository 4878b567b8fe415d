"""How far an impression and a play reach (`matinee.transforms.reach`), more exactly than by whole days.

With window w and least delay m: an impression at t can win plays of [t + m, t + w], and takes them from impressions no
older than t + m - w. A play at s belongs to its own day, and to an impression of [s - w, s - m].
"""

from datetime import timedelta

from matinee.contracts.model import Contract
from matinee.contracts.readers import Needs

#: The parameters of both transforms.
PARAMETERS: Needs = {"attribution.window": "duration", "attribution.min_delay": "duration"}

_NOTHING = timedelta(0)
_Reach = tuple[timedelta, timedelta] | None


def reach_of_attributions(contract: Contract, path: tuple[str, ...]) -> _Reach:
    """Return how far from an event the plays are whose attribution it can change."""
    window, min_delay = _window(contract)
    reaches: dict[tuple[str, ...], _Reach] = {("plays",): (_NOTHING, _NOTHING), ("impressions",): (min_delay, window)}
    return reaches.get(path)


def reach_of_outcomes(contract: Contract, path: tuple[str, ...]) -> _Reach:
    """Return how far from an event the impressions are whose outcome it can change."""
    window, min_delay = _window(contract)
    reaches: dict[tuple[str, ...], _Reach] = {
        ("impressions",): (_NOTHING, _NOTHING),
        ("attributions", "impressions"): (min_delay - window, _NOTHING),
        ("attributions", "plays"): (-window, -min_delay),
    }
    return reaches.get(path)


def _window(contract: Contract) -> tuple[timedelta, timedelta]:
    window, min_delay = map(contract.duration, PARAMETERS)
    return window, min_delay
