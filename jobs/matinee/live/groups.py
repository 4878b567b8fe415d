"""Which live tables are updated together, and by which follower: as contracts and registered followers say.

A follower (`live/step.py`) updates the live tables of a group to what is landed. It is registered by the name of the
transform whose datasets it follows; datasets of the same follower are one group where one of them is made from another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import EntryPoint

from matinee.contracts.followers import parts
from matinee.contracts.model import live_name
from matinee.contracts.registry import Registry
from matinee.errors import UsageError
from matinee.live.progress import progress_in
from matinee.table.catalog import Lake
from matinee.validity.maturity import is_settled, looks_ahead
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class Events:
    """Landed events as a follower takes them.

    Attributes:
        landed: the dataset that they are landed in.
        core: the dataset of the same events without repeats.
        holder: the dataset whose live table has every event.
        is_whole: whether its rows have all columns that decide between repeats.
        is_ranked: whether rows depend on the order of the events that belong together.
    """

    landed: str
    core: str
    holder: str
    is_whole: bool
    is_ranked: bool = False


@dataclass(frozen=True)
class Sources:
    """What the datasets of a group are made from.

    Attributes:
        events: the landed events.
        together: the columns in which events and live rows that belong together are equal: a row depends on no others.
    """

    events: tuple[Events, ...]
    together: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Datasets whose live tables are updated together, in the order in which they are derived.

    `sources` are the landed datasets that they are made from, by name.
    """

    datasets: tuple[str, ...]
    sources: tuple[str, ...]
    entry: EntryPoint

    @property
    def tables(self) -> tuple[str, ...]:
        """The live tables, in the order of the datasets."""
        return tuple(map(live_name, self.datasets))

    def sources_of(self, registry: Registry) -> Sources:
        """Return what the datasets are made from, as the follower says."""
        sources: Sources = self.entry.load().sources([registry.get(name) for name in self.datasets])
        return sources


def groups(lake: Lake) -> tuple[Group, ...]:
    """Return the groups of live tables of which every member is known.

    A live table whose contract cannot be used may belong to any group that follows what the table has followed: such
    groups are left out, as their tables must go on together.

    Raises:
        ContractError: no follower is registered for the transform of a dataset with a live table.
    """
    registry = lake.registry
    followed = [progress_in(lake.stored(name)).read.keys() for name in _unknown_tables(lake)]
    known = (Group(part, _sources(registry, part), entry) for part, entry in parts(registry))
    return tuple(group for group in known if not any(read >= {*group.sources} for read in followed))


def require_groups(lake: Lake) -> None:
    """Refuse where live tables stand still.

    Raises:
        ContractError: the contract of a dataset with a live table cannot be used.
    """
    if any(_unknown_tables(lake)):
        lake.registry.require_all("Live tables stand still")


def _unknown_tables(lake: Lake) -> Iterator[str]:
    """Yield the live tables of which no contract says what they are."""
    yield from (name for name in map(live_name, lake.registry.left_out) if lake.exists(name))


def group_of(lake: Lake, dataset: str) -> Group:
    """Return the group of a dataset with a live table.

    Raises:
        ContractError: a contract cannot be used, so nothing says which tables are in the group.
    """
    group = next((group for group in groups(lake) if dataset in group.datasets), None)
    if group is None:
        require_groups(lake)
        raise UsageError(f"{dataset} has no live table.", next_step="Name a dataset whose contract has `live: true`.")
    return group


def is_mature(validity: Validity, group: Group, dataset: str, day: date) -> bool:
    """Whether the batch of a day can judge the live rows of a dataset: it is valid, and the group's rows are final.

    Each day counts by itself: a day that is not valid keeps no other day back.
    """
    ahead = filter(looks_ahead, map(validity.lake.registry.get, group.datasets))
    notes = ((contract, validity.history(contract.dataset).newest_notes.get(day)) for contract in ahead)
    return validity.status(dataset, day).valid and all(is_settled(contract, note, day) for contract, note in notes)


def _sources(registry: Registry, datasets: tuple[str, ...]) -> tuple[str, ...]:
    events = (contract.dataset for contract in registry.all() if contract.kind == "event")
    return tuple(sorted(name for name in events if {*registry.downstream(name)} & {*datasets}))
