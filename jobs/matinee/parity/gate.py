"""The gate: every live day that became mature is held against its publication, once a publication."""

from datetime import date

from matinee.engine.session import spark_session
from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.live.groups import groups
from matinee.parity.compare import compare
from matinee.parity.register import Parity, days_to_compare
from matinee.settings import Settings
from matinee.table.catalog import Lake


def judge(settings: Settings, day: date | None = None) -> list[Parity]:
    """Compare live days with their publications, and record what was found.

    Args:
        settings: which lake.
        day: of the live tables, of each group that can be compared by now; default: all days that are mature, and not
            compared with their newest publication yet.

    Raises:
        StreamDiffersError: rows differ; each comparison is recorded, and told in the facts.
        InputsNotValidError: the day that was named cannot be compared yet, in no group of live tables.
    """
    lake = Lake.open(settings)
    wanted = [[(name, day) for name in group.datasets] for group in groups(lake.registry)] if day else []
    wanted = wanted or [[one] for one in days_to_compare(lake)]
    found: list[Parity] = []
    refused: list[InputsNotValidError] = []
    if wanted:
        with spark_session(settings) as session:
            for days in wanted:
                try:
                    for dataset, one in days:
                        found.append(compare(lake, session, dataset, one))
                except InputsNotValidError as error:
                    refused.append(error)
    if day and len(refused) == len(wanted):
        raise refused[0]
    differing = [one for one in found if one.differing]
    if differing:
        raise _differs(differing)
    return found


def _differs(found: list[Parity]) -> StreamDiffersError:
    words = "; ".join(
        f"{one.dataset} {one.day}: {one.differing} of {one.rows} rows differ "
        f"({', '.join(f'{count} {cause}' for cause, count in sorted(one.causes.items()))})"
        for one in found
    )
    return StreamDiffersError(
        f"The stream is not what the batch derived: {words}.",
        next_step=f"`matinee stream repair --key {found[0].day}` derives the live day anew; the causes say why.",
        facts={f"{one.dataset} {one.day}": dict(one.causes) for one in found},
    )
