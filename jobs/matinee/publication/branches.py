"""The branch that a run writes to: an audit branch of its own, or the branch of its experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from matinee.errors import CommitConflictError
from matinee.ledger.ledger import history
from matinee.ledger.model import REACHED, publication_id
from matinee.publication.request import RunRequest
from matinee.table import names, refs
from matinee.table.catalog import Lake


@dataclass(frozen=True)
class Branch:
    """A branch, the publication that it is for, and the snapshot that it came from; `made`: by this run.

    `began` is the sequence number of `main`'s head when the branch was made; later commits of `main` have higher
    numbers.
    """

    publication_id: str
    name: str
    base_snapshot_id: int
    made: bool
    began: int


def make_branch(lake: Lake, request: RunRequest) -> Branch:
    """Make the branch of a run from `main`, or find its experiment's.

    Raises:
        CommitConflictError: another live run took the same identity.
    """
    if request.experiment is not None:
        return _experiment(lake, request)
    published = history(lake, request.dataset)
    table = published.table or lake.table(request.dataset)
    reached, noted = published.identities(*REACHED), published.identities()
    for attempt in _attempts(request.attempt):
        identity = publication_id(request.dataset, request.key, attempt)
        name = f"{names.AUDIT}{identity}"
        leftover = refs.reference(table, name)
        if request.attempt is not None and identity not in reached:
            table = refs.drop(table, name)
        elif identity in noted or leftover is not None:
            continue
        base = refs.head(table)
        try:
            refs.create_branch(table, name, base)
        except CommitConflictError:
            if request.attempt is not None:
                raise
            table = lake.table(request.dataset)
            continue  # Another run of this key took the number between the look and the commit.
        return Branch(identity, name, base, made=True, began=refs.sequence(table, base))
    raise AssertionError("there is always another attempt")


def _attempts(named: str | None) -> Iterator[str]:
    """Yield attempts to try: numbers, or the given attempt, followed by the same with numbers."""
    if named is None:
        yield from map(str, count(1))
    else:
        yield named
        yield from (f"{named}_{number}" for number in count(2))


def _experiment(lake: Lake, request: RunRequest) -> Branch:
    # What other runs of the experiment have written stays: each replaces its own days only.
    name = f"{names.EXPERIMENT}{request.experiment}"
    identity = publication_id(request.dataset, request.key, name)
    table = lake.table(request.dataset)
    head = refs.reference(table, name)
    if head is not None:
        return Branch(identity, name, head, made=False, began=refs.sequence(table, head))
    base = refs.head(table)
    refs.create_branch(table, name, base)
    return Branch(identity, name, base, made=True, began=refs.sequence(table, base))


def drop_branch(lake: Lake, dataset: str, branch: Branch) -> None:
    """Remove the branch of a run that could not be planned; a branch that was there before the run stays."""
    if branch.made:
        refs.drop(lake.table(dataset), branch.name)
