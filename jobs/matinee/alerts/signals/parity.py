"""Days of live tables that differ from what the batch has published."""

from collections.abc import Iterator

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.live.progress import progress
from matinee.parity.register import PARITY, parities


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield a signal for each live day whose last comparison had rows that differ."""
    if not outlook.lake.exists(PARITY):
        return
    last = {(parity.dataset, parity.day): parity for parity in parities(outlook.lake)}
    until = {dataset: progress(outlook.lake, dataset) for dataset in sorted({dataset for dataset, _ in last})}
    for (dataset, day), parity in sorted(last.items()):
        scored = parity.rows - parity.arrived_after_batch
        if not parity.differing or not until[dataset].has(day):
            continue
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(parity.causes.items()))
        yield Signal(
            "parity",
            f"parity of {dataset} {day}",
            Identity.of_day("differs", dataset, day),
            f"{parity.differing} of {scored} live rows of {dataset} {day} differ from the batch: {causes}",
            f"`matinee stream repair --key {day}` derives the live day again; the causes say why.",
            value=parity.differing / max(scored, 1),
            dataset=dataset,
        )
