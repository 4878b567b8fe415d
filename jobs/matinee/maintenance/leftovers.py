"""Leftovers: branches and pins of runs that died; named by `matinee doctor`, dropped by `matinee doctor --clean`."""

from collections.abc import Iterator
from dataclasses import dataclass

from matinee.ledger.recovery import recover
from matinee.table import names, refs
from matinee.table.catalog import Lake


@dataclass(frozen=True)
class Leftover:
    """A working branch, or a pin, that no step removed: of a run that died, or of one that is still alive."""

    dataset: str
    branch: str
    snapshot_id: int

    @property
    def spark_name(self) -> str:
        """The name that Spark reads it by."""
        return f"{self.dataset}.{'tag' if self.branch.startswith(names.PIN) else 'branch'}_{self.branch}"


def leftovers(lake: Lake) -> Iterator[Leftover]:
    """Yield the working branches and pins of all tables; experiments are not leftovers."""
    for contract in lake.registry.all():
        if not lake.exists(contract.dataset):
            continue
        for name, ref in sorted(lake.table(contract.dataset).metadata.refs.items()):
            if name.startswith((*names.WORK, names.PIN)):
                yield Leftover(contract.dataset, name, ref.snapshot_id)


def clean(lake: Lake, leftover: Leftover) -> None:
    """Drop a leftover; what it had prepared is then recorded as abandoned.

    Raises:
        CommitConflictError: the branch moved meanwhile, so somebody is at work on it.
    """
    refs.remove(lake.table(leftover.dataset), leftover.branch, expected=leftover.snapshot_id)
    if lake.registry.get(leftover.dataset).transform:
        recover(lake, leftover.dataset)
