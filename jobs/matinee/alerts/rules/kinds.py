"""What each kind of rule is about, and what its threshold measures."""

from dataclasses import dataclass
from typing import Literal

from matinee.alerts.model import Kind


@dataclass(frozen=True)
class KindOfRule:
    """What rules of a kind may say.

    Attributes:
        about: what they select by.
        unit: what a threshold is: a length of time, a share from 0 to 1, or nothing.
        needs_threshold: whether a rule has to state it: nothing else does.
    """

    about: Literal["datasets", "dags", "all"]
    unit: Literal["time", "share", "none"]
    needs_threshold: bool = False


KINDS: dict[Kind, KindOfRule] = {
    "failure": KindOfRule("dags", "none"),
    "time_to_complete": KindOfRule("dags", "time"),
    "freshness": KindOfRule("datasets", "time"),
    "completeness": KindOfRule("datasets", "share"),
    "quarantine_share": KindOfRule("datasets", "share", needs_threshold=True),
    "healing": KindOfRule("datasets", "none"),
    "stream_lag": KindOfRule("all", "time", needs_threshold=True),
    "parity": KindOfRule("datasets", "share"),
    "upkeep": KindOfRule("datasets", "time"),
    "disk": KindOfRule("all", "share", needs_threshold=True),
    "serving": KindOfRule("datasets", "time"),
    "source": KindOfRule("all", "none"),
}
