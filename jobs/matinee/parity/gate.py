"""The gate: every live day that became mature is held against its publication, once a publication."""

from datetime import date

from matinee.engine.session import spark_session
from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.live.impressions import LIVE
from matinee.parity.compare import compare
from matinee.parity.register import Parity, days_to_compare
from matinee.settings import Settings
from matinee.table.catalog import Lake


def judge(settings: Settings, day: date | None = None) -> list[Parity]:
    """Compare live days with their publications, and record what was found.

    Args:
        settings: which lake.
        day: of both live tables; default: all that are mature, and not compared with their newest publication yet.

    Raises:
        StreamDiffersError: rows differ; each comparison is recorded, and told in the facts.
        InputsNotValidError: the day that was named cannot be compared yet.
    """
    lake = Lake.open(settings)
    wanted = [(dataset, day) for dataset in LIVE] if day else days_to_compare(lake)
    found: list[Parity] = []
    if wanted:
        with spark_session(settings) as session:
            for dataset, one in wanted:
                try:
                    found.append(compare(lake, session, dataset, one))
                except InputsNotValidError:
                    if day is not None:
                        raise
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
