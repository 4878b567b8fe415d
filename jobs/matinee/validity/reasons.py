"""What validity tells of a day and of a dataset: valid or not, why, and what would restore or move it."""

from dataclasses import dataclass
from datetime import date, datetime

from matinee.contracts.model import Contract
from matinee.ledger.model import Publication, State


@dataclass(frozen=True)
class Reason:
    """Why a day is not valid, and what would restore it.

    `kind` is one of open, short, unpublished, withdrawn, failing (by its audits), thinned (rows are gone),
    tampered (other rows than were audited), set_back (main was moved back), restated, input, immature, dropped (as an
    input: its rows are gone).
    """

    kind: str
    dataset: str
    day: date
    detail: str
    next_step: str
    cause: "Reason | None" = None

    @property
    def root(self) -> "Reason":
        """The reason at the end of the chain of inputs."""
        return self.cause.root if self.cause else self

    def lines(self) -> list[str]:
        """Return the chain, one line a link, and what would move it."""
        rest = self.cause.lines() if self.cause else [f"next: {self.next_step}"]
        return [f"{self.dataset} {self.day}: {self.detail}", *(f"  {line}" for line in rest)]


@dataclass(frozen=True)
class DayStatus:
    """Whether a day can be trusted; `generation` and `stamp` (None: not known) are what a reader would pin."""

    dataset: str
    day: date
    valid: bool
    generation: int = 0
    reason: Reason | None = None
    stamp: str | None = None


@dataclass(frozen=True)
class Vtts:
    """Until when a dataset can be trusted; None where no day is valid. `held_by` says what stops the VTTS there."""

    dataset: str
    vtts: datetime | None
    mature_through: datetime | None = None
    held_by: Reason | None = None


def withdrawn(contract: Contract, newest: Publication) -> Reason | None:
    """Return the reason where a day was withdrawn: by a person, or because its audits fail."""
    if newest.state is not State.WITHDRAWN:
        return None
    again = f"`matinee run {contract.dataset} --key {newest.day}` publishes it again."
    failed = [verdict.audit for verdict in newest.verdicts if verdict.blocks]
    if not failed:
        return Reason("withdrawn", contract.dataset, newest.day, f"withdrawn: {newest.reason}", again)
    look = f"Fix what {', '.join(failed)} found: `matinee publications show {newest.publication_id}` has samples"
    return Reason("failing", contract.dataset, newest.day, f"withdrawn: {newest.reason}", f"{look}; then {again}")


def failed(contract: Contract, newest: Publication) -> Reason | None:
    """Return the reason where `main` was moved, outside the protocol, to a branch that had failed its audits."""
    failed = [verdict.audit for verdict in newest.verdicts if verdict.blocks]
    if not failed:
        return None
    detail = f"main holds {newest.publication_id}, which failed {', '.join(failed)}"
    again = f"Fix what failed; then `matinee run {contract.dataset} --key {newest.day}` publishes it again."
    return Reason("failing", contract.dataset, newest.day, detail, again)
