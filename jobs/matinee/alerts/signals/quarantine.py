"""The share of newly landed rows that are bad."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.landing.landed_files import landed_newest

WITHIN = timedelta(hours=24)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield the share of each landed dataset whose files of the last day had bad rows."""
    since = outlook.at - WITHIN
    for contract in outlook.lake.registry.all():
        if not contract.is_landed or not outlook.lake.exists(contract.dataset):
            continue
        newest = takewhile(lambda each: each.received_ts >= since, landed_newest(outlook.lake, contract.dataset))
        rows = bad = 0
        reasons = Counter[str]()
        for landing in newest:
            rows, bad = rows + landing.rows_in, bad + landing.rows_quarantined
            reasons.update(landing.reasons)
        if bad:
            named = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            yield Signal(
                "quarantine_share",
                f"quarantine of {contract.dataset}",
                Identity("quarantined", contract.dataset),
                f"{bad} of {rows} rows that landed for {contract.dataset} within a day are bad: {named or 'see there'}",
                f"`matinee query \"select reason, count(*) from raw.quarantine where dataset = '{contract.dataset}' "
                'group by reason"` counts them.',
                value=bad / rows,
                dataset=contract.dataset,
            )
