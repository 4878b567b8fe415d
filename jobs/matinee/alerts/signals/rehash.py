"""Landing files that are read again at night: that they were not, and that they hold other bytes than were landed."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.landing.rehashes import Rehash, last_rehashes
from matinee.table.catalogs.retired import gone

EACH = timedelta(minutes=10)
#: A rehash of one night may fail.
WITHIN = timedelta(hours=50)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield when each dataset was last read again, of those that ever were, and whether files differed then."""
    rehashes = outlook.remembered("rehashes", EACH, lambda: _expected(outlook))
    for dataset, last in sorted(rehashes.items()):
        yield Signal(
            "upkeep",
            f"rehash of {dataset}",
            Identity("not_run", "rehash"),
            f"the landing files of {dataset} were last read again at {last.recorded_ts:%Y-%m-%d %H:%MZ}",
            "Open the last run of landing_rehash_nightly, and clear what failed there.",
            since=last.recorded_ts,
            limit=WITHIN.total_seconds(),
            dataset=dataset,
        )
        if last.differing:
            yield Signal(
                "upkeep",
                f"landing files of {dataset} differ",
                Identity("differ", f"landing files of {dataset}"),
                f"{last.differing} of {last.files} landing files of {dataset} hold other bytes than were landed from"
                f" them, such as {last.file}",
                "Ask the producer to write each content to a file of its own; the other bytes were landed, too.",
                since=last.recorded_ts,
                dataset=dataset,
            )


def _expected(outlook: Outlook) -> dict[str, Rehash]:
    """Return the last rehash of each dataset whose files still land; those of others are read no more."""
    retired = gone(outlook.lake)
    landed = {contract.dataset for contract in outlook.lake.registry.all() if contract.files} - retired
    return {dataset: last for dataset, last in last_rehashes(outlook.lake).items() if dataset in landed}
