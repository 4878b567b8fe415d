"""The gate: every mature live day is compared with its publication, once for each publication."""

from datetime import date

from matinee.engine.session import spark_session
from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.live.groups import groups
from matinee.parity.compare import compare
from matinee.parity.register import Parity, days_to_compare
from matinee.settings import Settings
from matinee.table.catalog import Lake


def judge(settings: Settings, day: date | None = None) -> list[Parity]:
    """Compare live days with their publications, and record the results.

    Args:
        settings: which lake.
        day: the day to compare, of each group of live tables that can be compared by now; default: all mature days that
            did not agree yet with their newest publication.

    Raises:
        StreamDiffersError: rows differ; each comparison is recorded, and the facts have the causes.
        InputsNotValidError: the day that was named cannot be compared yet, in no group of live tables.
    """
    lake = Lake.open(settings)
    wanted = [[(name, day) for name in group.datasets] for group in groups(lake.registry)] if day else []
    wanted = wanted or [[live_day] for live_day in days_to_compare(lake)]
    parities: list[Parity] = []
    refused: list[InputsNotValidError] = []
    if wanted:
        with spark_session(settings) as session:
            for days in wanted:
                try:
                    for dataset, wanted_day in days:
                        parities.append(compare(lake, session, dataset, wanted_day))
                except InputsNotValidError as error:
                    refused.append(error)
    if day and len(refused) == len(wanted):
        raise refused[0]
    differing = [parity for parity in parities if parity.differing]
    if differing:
        raise _differs(differing)
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
