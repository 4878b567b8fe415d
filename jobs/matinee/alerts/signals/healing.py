"""Days that the healer leaves to a person."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.healing.register import HEALS, decisions, last_by_day

#: The healer decides each day again while a day needs a person: an older decision is over.
_HOLDS = timedelta(days=2)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield the days whose last decision calls a person."""
    if not outlook.lake.exists(HEALS):
        return
    known = outlook.unless_changed(HEALS, lambda lake: last_by_day(decisions(lake)))
    for (dataset, day), decision in known.items():
        is_now = decision.recorded_ts is not None and outlook.at - decision.recorded_ts <= _HOLDS
        if decision.decision == "human" and is_now:
            yield Signal(
                "healing",
                f"decision on {dataset} {day}",
                Identity.of_day("needs_a_person", dataset, day),
                f"the healer leaves {dataset} {day} to a person: {decision.reason}",
                f"`matinee late scan` tells what changed; `matinee heal list --key {day}` what was decided.",
                value=1.0,
                dataset=dataset,
            )
