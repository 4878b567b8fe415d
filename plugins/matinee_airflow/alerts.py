"""The watcher of alerts as a task: one look, if no other watcher has the lease."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator

from matinee.settings import load_settings
from matinee_airflow.retries import typed

log = logging.getLogger(__name__)


class LookAtAlerts(BaseOperator):  # type: ignore[misc]
    """Looks once, opens and resolves incidents, and tells people."""

    @typed()
    def execute(self, context: Mapping[str, Any]) -> None:
        """Look, and give the lease up afterwards.

        Raises:
            JournalUnavailableError: nothing can be recorded, so nobody is told.
        """
        from matinee.alerts.settings import AlertSettings
        from matinee.alerts.signals.registry import SOURCES
        from matinee.alerts.watcher import Watcher
        from matinee.sinks.channels import open_channel

        clock = lambda: datetime.now(UTC)  # noqa: E731 - the clock of the outermost call
        watcher = Watcher(load_settings(), AlertSettings(), SOURCES, open_channel, "alert_watch", clock)
        try:
            turn = watcher.turn()
        finally:
            watcher.close()
        if turn.held_by:
            log.info("Standing by for %s", turn.held_by)
        for change in turn.changes:
            log.info("%s: %s", change.incident.incident_id, change.incident.cause)
