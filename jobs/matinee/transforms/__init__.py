"""Transforms: frames in, a frame out; no reads but of their frames, no writes, no clock, only the API of Connect."""

from matinee.contracts.model import Contract
from matinee.domain.attribution import attribute_plays
from matinee.domain.impression_plays import derive_impression_plays
from matinee.errors import ContractError
from matinee.transforms.context import Transform, TransformContext
from matinee.transforms.deduplication import deduplicate_impressions, deduplicate_plays
from matinee.transforms.sql import sql_transform

__all__ = ["BY_PROFILE", "SQL_FILE", "TRANSFORMS", "Transform", "TransformContext", "sql_transform", "transform_of"]

#: What a contract names as its transform when the SQL stands beside it.
SQL_FILE = "transform.sql"

#: The transforms that a contract can name.
TRANSFORMS: dict[str, Transform] = {
    "deduplicate_impressions": deduplicate_impressions,
    "deduplicate_plays": deduplicate_plays,
    "attribute_plays": attribute_plays,
    "derive_impression_plays": derive_impression_plays,
}

#: Those whose every row comes from rows of the same profile, and of the days that the contract reads for its own day:
#: they may be derived cell by cell.
BY_PROFILE = frozenset({"attribute_plays", "derive_impression_plays"})


def transform_of(contract: Contract) -> Transform:
    """Return the transform that a contract names.

    Raises:
        ContractError: it names none, or one that is not known.
    """
    if contract.transform == SQL_FILE:
        return sql_transform(contract.folder / SQL_FILE)
    try:
        return TRANSFORMS[contract.transform or ""]
    except KeyError:
        raise ContractError(
            f"{contract.dataset} has no transform that can be run: {contract.transform or 'none is named'}.",
            next_step=f"Name one of {', '.join(TRANSFORMS)}, or {SQL_FILE} beside the contract.",
            facts={"dataset": contract.dataset, "transform": contract.transform},
        ) from None
