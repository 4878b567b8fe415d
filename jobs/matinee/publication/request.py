"""What a caller asks for: a dataset, the keys, and how the run differs from the daily one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from matinee.errors import UsageError

_NAME = re.compile(r"^[a-z0-9_]{1,40}$")


@dataclass(frozen=True)
class RunRequest:
    """One run of a dataset for the keys `first_key` to `last_key`, both included.

    Attributes:
        dataset: `namespace.name`.
        first_key: the first event day to run.
        last_key: the last event day to run; the same day for a daily run.
        attempt: distinguishes attempts at the same keys; None takes the next free number.
        parameters: overrides of the contract's parameters; only an experiment may have them.
        experiment: name of the branch `experiment_<name>` that gets the rows instead of `main`.
        heal: derive only the cells that inputs changed since the day was published; of a single day.
        began: where a run that went stale is written again: the sequence number of `main`'s head when that run began.

    Raises:
        UsageError: the range ends before it starts, a name has other characters than `[a-z0-9_]`, parameters are
            overridden outside an experiment, or a heal is asked of more than one day or for an experiment.
    """

    dataset: str
    first_key: date
    last_key: date
    attempt: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    experiment: str | None = None
    heal: bool = False
    began: int | None = None

    def __post_init__(self) -> None:
        if self.last_key < self.first_key:
            raise UsageError(
                f"The range ends ({self.last_key}) before it starts ({self.first_key}).",
                next_step="Give --from the earlier day.",
            )
        if self.heal and (self.first_key != self.last_key or self.experiment is not None):
            raise UsageError("Days are healed one by one, on main.", next_step="Give one key and no experiment.")
        for name in (self.attempt, self.experiment):
            if name is not None and not _NAME.match(name):
                raise UsageError(f"'{name}' is not a usable name.", next_step="Use up to 40 of a-z, 0-9 and '_'.")
        if self.parameters and self.experiment is None:
            raise UsageError(
                "Parameters can be overridden in an experiment only: main follows the contract.",
                next_step="Add --experiment NAME, or change the contract.",
                facts={"parameters": dict(self.parameters)},
            )

    @property
    def key(self) -> str:
        """The keys as one word: `2026-03-01`, or `2026-03-01_2026-03-07`."""
        first = self.first_key.isoformat()
        return first if self.first_key == self.last_key else f"{first}_{self.last_key.isoformat()}"
