"""The gate: every mature live day is compared with its publication, once for each publication."""

import logging
from datetime import date

from matinee.engine.session import spark_session
from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.live.groups import groups, require_groups
from matinee.parity.compare import compare
from matinee.parity.register import Parity, days_to_compare
from matinee.settings import Settings
from matinee.table.catalog import Lake

log = logging.getLogger(__name__)


def judge(settings: Settings, day: date | None = None) -> list[Parity]:
    """Compare live days with their publications, and record the results.

    Args:
        settings: which lake.
        day: the day to compare, of each live table that can be compared by now; default: all mature days that did not
            agree yet with their newest publication.

    Raises:
        StreamDiffersError: rows differ; each comparison is recorded, and the facts have the causes.
        ContractError: the others are compared; the contract of a dataset with a live table cannot be used.
        InputsNotValidError: no day can be compared yet; or the named day is mature, but a live table lags behind it.
    """
    lake = Lake.open(settings)
    due = days_to_compare(lake)
    wanted = [(name, day) for group in groups(lake) for name in group.datasets] if day else due
    parities: list[Parity] = []
    refused: dict[tuple[str, date], InputsNotValidError] = {}
    if wanted:
        with spark_session(settings) as session:
            for live_day in wanted:
                try:
                    parities.append(compare(lake, session, *live_day))
                except InputsNotValidError as error:
                    refused[live_day] = error
    # A day that is named may be mature in one group of live tables, and not in another.
    overdue = [refusal for live_day, refusal in refused.items() if live_day in due]
    for refusal in overdue:
        log.warning("%s", refusal.message)
    differing = [parity for parity in parities if parity.differing]
    if differing:
        raise _differs(differing)
    if refused and (not parities or (day and overdue)):
        raise next(iter([*overdue, *refused.values()]))
    require_groups(lake)
    return parities


def _differs(parities: list[Parity]) -> StreamDiffersError:
    words = "; ".join(
        f"{parity.dataset} {parity.day}: {parity.differing} of {parity.rows} rows differ "
        f"({', '.join(f'{count} {cause}' for cause, count in sorted(parity.causes.items()))})"
        for parity in parities
    )
    return StreamDiffersError(
        f"The stream is not what the batch derived: {words}.",
        next_step=f"`matinee stream repair --key {parities[0].day}` derives the live day again; the causes say why.",
        facts={f"{parity.dataset} {parity.day}": dict(parity.causes) for parity in parities},
    )
