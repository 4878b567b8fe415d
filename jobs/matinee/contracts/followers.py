"""Which live tables are updated together: by the follower that is registered for the transform of their datasets.

Datasets of the same follower are updated together where one of them is made from another.
"""

from importlib.metadata import EntryPoint

from matinee.contracts.readers import FOLLOWERS
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.hooks import registered


def parts(registry: Registry) -> list[tuple[tuple[str, ...], EntryPoint]]:
    """Return the datasets with live tables that are updated together, in the order of derivation, and their follower.

    Raises:
        ContractError: no follower is registered for the transform of a dataset with a live table.
    """
    known: list[tuple[str, ...]] = []
    entries = {contract.dataset: _entry(registry, contract.dataset) for contract in registry.all() if contract.has_live}
    for dataset, entry in entries.items():
        above = [
            part
            for part in known
            if entries[part[0]].value == entry.value and any(dataset in registry.downstream(name) for name in part)
        ]
        known = [part for part in known if part not in above]
        known.append((*(name for part in above for name in part), dataset))
    return [(part, entries[part[0]]) for part in known]


def together(registry: Registry, dataset: str) -> tuple[str, ...]:
    """Return the other datasets whose live tables are updated together with that of a dataset, if it has a live table.

    Raises:
        ContractError: as `parts`.
    """
    own = next((part for part, _ in parts(registry) if dataset in part), ())
    return tuple(name for name in own if name != dataset)


def _entry(registry: Registry, dataset: str) -> EntryPoint:
    transform = registry.get(dataset).transform or ""
    entry = registered(FOLLOWERS).get(transform)
    if entry is None:
        raise ContractError(
            f"Nothing follows {dataset}: no follower is registered for its transform {transform}.",
            next_step=f"Take `live` out of its contract, or use one of {', '.join(sorted(registered(FOLLOWERS)))}.",
            facts={"dataset": dataset, "transform": transform},
        )
    return entry
