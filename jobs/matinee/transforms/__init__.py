"""Transforms: functions from frames to a frame, without other reads, writes or a clock, by the API of Connect only.

A contract names its transform. Transforms are registered by name, as entry points of the group `matinee.transforms`:
those of this folder are general, those of `domain/` have the rules that connect plays to impressions.
"""

from matinee.contracts.model import Contract
from matinee.contracts.readers import SQL_FILE
from matinee.errors import ContractError
from matinee.hooks import registered
from matinee.transforms.context import BY_PROFILE, Transform, TransformContext
from matinee.transforms.sql import sql_transform

__all__ = ["HOOK", "SQL_FILE", "Transform", "TransformContext", "is_by_profile", "transform_of"]


#: A package registers a `Transform` under this, by the name that contracts use.
HOOK = "matinee.transforms"


def transform_of(contract: Contract) -> Transform:
    """Return the transform that a contract names.

    Raises:
        ContractError: the contract names no transform, or one that is not registered.
    """
    if contract.transform == SQL_FILE:
        return sql_transform(contract.folder / SQL_FILE)
    try:
        transform: Transform = registered(HOOK)[contract.transform or ""].load()
    except KeyError:
        raise ContractError(
            f"{contract.dataset} has no transform that can be run: {contract.transform or 'none is named'}.",
            next_step=f"Name one of {', '.join(sorted(registered(HOOK)))}, or {SQL_FILE} beside the contract.",
            facts={"dataset": contract.dataset, "transform": contract.transform},
        ) from None
    return transform


def is_by_profile(contract: Contract) -> bool:
    """Whether the transform that a contract names is known to be one by profile (`transforms.context.by_profile`)."""
    entry = registered(HOOK).get(contract.transform or "")
    return entry is not None and entry.load() in BY_PROFILE
