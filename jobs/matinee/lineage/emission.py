"""Sends events of OpenLineage where OpenLineage's own variables ask for them; a send that fails fails no step."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from matinee.errors import MatineeError
from matinee.foreign import translated
from matinee.report import ErrorReport, Report
from matinee.settings import Settings
from matinee.table.registers import stamp

#: One of these asks for events; the client reads them, and says by what they go: HTTP, a file, the console, Kafka.
ASKING = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT", "OPENLINEAGE__TRANSPORT__TYPE")
log = logging.getLogger(__name__)


def send_events(settings: Settings, *reports: Report, environment: Mapping[str, str] = os.environ) -> None:
    """Send the events for reports of steps, where a variable asks for events."""
    if not any(environment.get(name) for name in ASKING):
        return
    try:
        from openlineage.client import OpenLineageClient, set_producer

        from matinee.lineage.events import PRODUCER, events
        from matinee.lineage.healed import healed
        from matinee.lineage.streamed import streamed
        from matinee.table.catalog import Lake

        set_producer(PRODUCER)
        lake, client = Lake.open(settings).one_look(), OpenLineageClient()
        heals = [str(report.details["heal_id"]) for report in reports if "heal_id" in report.details]
        for report in (*reports, *(made for heal_id in heals for made in healed(lake, heal_id))):
            made_by = streamed if report.step == "stream" else events
            for event in made_by(lake, report, stamp()):
                client.emit(event)
        client.close()
    except Exception as error:  # noqa: BLE001 - the step is done
        log.warning("OpenLineage was not told: %s", translated(error))


@contextmanager
def failure_told(settings: Settings, step: str, dataset: str, branch: str | None = None) -> Iterator[None]:
    """Send the event of a failure where a block raises an error of Matinee; `branch` is that of an experiment."""
    try:
        yield
    except MatineeError as error:
        identity = error.facts.get("publication_id")
        failed = Report(step=step, dataset=dataset, publication_id=str(identity) if identity else None, branch=branch)
        send_events(settings, failed.model_copy(update={"error": ErrorReport.of(error)}))
        raise


def tick_told(settings: Settings, since: datetime, error: MatineeError | None = None) -> None:
    """Send the events of a tick of the stream that began at an instant, or of its failure."""
    report = Report(step="stream", dataset="", details={"since": since.isoformat()})
    send_events(settings, report.model_copy(update={"error": ErrorReport.of(error)}) if error else report)
