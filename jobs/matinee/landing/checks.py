"""The checks that make a landing pause its stream: the records no longer keep the contract."""

from collections.abc import Iterator

from matinee.contracts.model import Contract
from matinee.contracts.readers import Needs
from matinee.landing.model import Landing

#: So few bad records are quarantined without a pause: too few to tell a share.
FEW = 20
MAX_BAD, MAX_SKEWED, MAX_SKEW = "stream.max_bad_share", "stream.max_skewed_share", "stream.max_skew"
#: The parameters that the contract of landed events declares, as a stream may land them.
PARAMETERS: Needs = {MAX_BAD: "number", MAX_SKEWED: "number", MAX_SKEW: "duration"}
#: Reasons that say that the records have another schema.
_SCHEMA = ("missing_", "wrong_type_")


def troubles(contract: Contract, landing: Landing) -> Iterator[str]:
    """Yield what is wrong with a landing of a raw dataset: its schema, the share that was quarantined, its clock."""
    bad = dict(landing.reasons) or {"unknown": landing.rows_quarantined}
    of_schema = {reason: count for reason, count in bad.items() if reason.startswith(_SCHEMA)}
    for what, counts in (("schema", of_schema), ("quarantine share", bad)):
        if _is_too_much(sum(counts.values()), landing.rows_in, contract.number(MAX_BAD)):
            most = max(counts, key=lambda reason: (counts[reason], reason))
            yield (
                f"{landing.file}, {what}: {sum(counts.values())} of {landing.rows_in} records are quarantined, "
                f"most of them as {most}"
            )
            return
    if _is_too_much(landing.skewed, landing.rows_in, contract.number(MAX_SKEWED)):
        yield (
            f"{landing.file}, clock skew: {landing.skewed} of {landing.rows_in} records happened more than "
            f"{contract.duration(MAX_SKEW)} after they were received"
        )


def _is_too_much(count: int, rows: int, share: float) -> bool:
    return count > FEW and count > share * rows
