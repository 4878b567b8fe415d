"""The page Incidents: what is wrong now, what was, and what people decided about each; read from the journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from matinee.alerts.incidents import Incident
from matinee.alerts.journal.keeper import open_journal
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES
from matinee.alerts.people import acknowledge
from matinee.alerts.settings import AlertSettings, journal_file
from matinee.errors import UsageError
from matinee_airflow.pages.access import Why, writes
from matinee_airflow.pages.site import Site

router = APIRouter()
#: So many resolved incidents are shown.
NEWEST = 100
#: Whoever may change the watcher's DAG may change what the watcher tells.
WATCHER_DAG = "alert_watch"


@router.get("/incidents")
def incidents(request: Request) -> HTMLResponse:
    """Show the open incidents, then the newest that are resolved."""
    site = Site.of(request)
    with _journal(site) as journal, journal.look() as entries:
        open_ = entries.all(INCIDENTS, state=["open", "acknowledged"])
        ended = entries.all(INCIDENTS, state=["resolved", "lingering"], newest=NEWEST)
    rows = [each for some in (open_, ended) for each in sorted(some, key=_opened, reverse=True)]
    return site.page(request, "incidents", {"title": "Incidents", "rows": rows, "twin": "matinee incident list --all"})


def _opened(incident: Incident) -> tuple[datetime, str]:
    return incident.opened_at, incident.incident_id


@router.get("/incidents/{incident_id}")
def incident(request: Request, incident_id: str) -> HTMLResponse:
    """Show an incident: its cause, what shows the cause, what was done, and what each channel was told."""
    site = Site.of(request)
    with _journal(site) as journal, journal.look() as entries:
        shown = entries.get(INCIDENTS, incident_id)
        notes = entries.all(NOTES, owner=incident_id)
        sent = entries.all(DELIVERIES, prefix=f"{incident_id}-")
    if shown is None:
        raise UsageError(f"No incident is called {incident_id}.", next_step="`matinee incident list` has them all.")
    facts = {"title": incident_id, "told": shown, "notes": notes, "sent": sent}
    return site.page(request, "incident", facts | {"twin": f"matinee incident show {incident_id}"})


@router.post("/incidents/{incident_id}/acknowledge", dependencies=writes(WATCHER_DAG))
def take(request: Request, incident_id: str, why: Why, user: GetUserDep) -> dict[str, str]:
    """Say that the user is at work on an incident: its page is not repeated."""
    site = Site.of(request)
    with _journal(site) as journal:
        after = acknowledge(journal, incident_id, user.get_name(), why.reason, site.now())
    return {"state": after.state, "reason": why.reason}


@contextmanager
def _journal(site: Site) -> Iterator[Journal]:
    uri = AlertSettings().alerts_journal
    journal = open_journal(journal_file(site.settings()), uri.get_secret_value() if uri else None)
    try:
        yield journal
    finally:
        journal.close()
