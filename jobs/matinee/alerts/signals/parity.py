"""Live days that differ from what the batch derived."""

from collections.abc import Iterator

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.parity.register import PARITY, Parity, parities
from matinee.table.catalog import Lake


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield each live day whose last comparison found rows that differ."""
    if not outlook.lake.exists(PARITY):
        return
    for parity in outlook.unless_changed(PARITY, _last_by_day):
        if parity.differing:
            causes = ", ".join(f"{count} {cause}" for cause, count in sorted(parity.causes.items()))
            yield Signal(
                "parity",
                f"comparison of {parity.dataset} {parity.day}",
                Identity.of_day("differs", parity.dataset, parity.day),
                f"{parity.differing} of {parity.rows} live rows of {parity.dataset} {parity.day} differ ({causes})",
                f"`matinee stream repair --key {parity.day}` derives the live day again; the causes say why.",
                value=parity.differing / max(parity.rows, 1),
                dataset=parity.dataset,
            )


def _last_by_day(lake: Lake) -> list[Parity]:
    return [*{(parity.dataset, parity.day): parity for parity in parities(lake)}.values()]
