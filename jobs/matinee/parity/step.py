"""The step `parity`."""

from typing import Annotated

from matinee.days import parse_day
from matinee.live.repair import expire
from matinee.parity.gate import judge
from matinee.report import Report
from matinee.settings import Settings


def parity(settings: Settings, key: Annotated[str | None, "the event day to compare, YYYY-MM-DD"] = None) -> Report:
    """Compare a live day with its publication; without a day, remove the live days that have been mature for long."""
    if key is None:
        return Report(step="parity", dataset="", details={"expired_through": str(expire(settings))})
    day = parse_day(key)
    parities = judge(settings, day)
    details = {"rows": sum(each.rows for each in parities), "late": sum(each.arrived_after_batch for each in parities)}
    return Report(step="parity", dataset="", key=key, days=(day,), details=details)
