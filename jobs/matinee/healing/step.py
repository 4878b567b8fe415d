"""The step `heal`: a look of the healer, and what it decided in numbers."""

import logging
from typing import Annotated

from matinee.contracts.registry import Registry
from matinee.days import parse_moment
from matinee.errors import LeaseHeldError
from matinee.healing.healer import look
from matinee.healing.register import spent
from matinee.report import Report
from matinee.settings import Settings

log = logging.getLogger(__name__)


def heal(settings: Settings, now: Annotated[str, "the time that ages count from, ISO 8601"]) -> Report:
    """Repair what late rows changed, and judge the days that lack rows."""
    try:
        made = look(settings, parse_moment(now), lambda decision: log.info("%s", decision))
    except LeaseHeldError as error:  # Raised before anything was done.
        return Report(step="heal", dataset="", details={"note": error.message})
    details: dict[str, str | int] = {
        kind: sum(decision.decision == kind for decision in made) for kind in ("heal", "wait", "human")
    }
    details |= {"cells": spent(made).cells} | ({"heal_id": made[0].heal_id} if made else {})
    Registry.load(settings.sql_dir).require_all("Not everything is healed")
    return Report(step="heal", dataset="", details=details)
