"""Days about which the healer needs a person, until they are published again or hold enough rows."""

from collections.abc import Iterator

from matinee.alerts.model import Edge, Identity, Signal
from matinee.alerts.signals.days import Roots, identity_of
from matinee.alerts.signals.outlook import Outlook
from matinee.days import micros_of
from matinee.healing.register import HEALS, Decision, decisions, last_by_day
from matinee.validity.validity import Validity


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield a signal for each day whose last decision calls a person, and that nobody has answered."""
    if not outlook.lake.exists(HEALS):
        return
    validity, roots = outlook.validity, Roots(outlook.validity)
    for (dataset, day), decision in last_by_day(decisions(outlook.lake)).items():
        is_known = dataset in outlook.lake.registry.contracts
        if decision.decision != "human" or not is_known or _is_answered(validity, decision):
            continue
        yield Signal(
            "healing",
            f"healer: {dataset} {day}",
            Identity.of_day("needs_a_person", dataset, day),
            f"{dataset} {day} needs a person: {decision.cause}: {decision.reason}",
            "The runbook of late_data_healer says what to do; `matinee heal list` has all decisions.",
            value=1.0,
            dataset=dataset,
            edges=tuple(Edge("lineage", identity_of(cause)) for cause in roots.of(dataset, day)),
        )


def _is_answered(validity: Validity, decision: Decision) -> bool:
    """Whether a day is valid, and was published since the decision, where its dataset is published."""
    if not validity.status(decision.dataset, decision.day).valid:
        return False
    if not validity.lake.registry.get(decision.dataset).transform:
        return True
    newest = validity.history(decision.dataset).newest_notes.get(decision.day)
    told = decision.recorded_ts
    return newest is not None and told is not None and newest.recorded_us > micros_of(told)
