"""The page Incidents: what is wrong now, what was, and what people decided about each; read from the journal."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from matinee.alerts.journal.keeper import open_journal
from matinee.alerts.journal.store import Entries
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES
from matinee.alerts.settings import AlertSettings, journal_file
from matinee.errors import UsageError
from matinee_airflow.pages.site import Site

router = APIRouter()
#: So many resolved incidents are shown.
NEWEST = 100


@router.get("/incidents")
def incidents(request: Request) -> HTMLResponse:
    """Show the open incidents, then the newest that are resolved."""
    site = Site.of(request)
    with _entries(site) as entries:
        known = sorted(entries.all(INCIDENTS), key=lambda each: (each.opened_at, each.incident_id), reverse=True)
    rows = [each for each in known if each.is_active] + [each for each in known if not each.is_active][:NEWEST]
    return site.page(request, "incidents", {"title": "Incidents", "rows": rows, "twin": "matinee incident list --all"})


@router.get("/incidents/{incident_id}")
def incident(request: Request, incident_id: str) -> HTMLResponse:
    """Show an incident: its cause, what shows the cause, what was done, and what each channel was told."""
    site = Site.of(request)
    with _entries(site) as entries:
        shown = entries.get(INCIDENTS, incident_id)
        notes = entries.all(NOTES, owner=incident_id)
        sent = [each for each in entries.all(DELIVERIES) if each.message.incident_id == incident_id]
    if shown is None:
        raise UsageError(f"No incident is called {incident_id}.", next_step="`matinee incident list` has them all.")
    facts = {"title": incident_id, "told": shown, "notes": notes, "sent": sent}
    return site.page(request, "incident", facts | {"twin": f"matinee incident show {incident_id}"})


@contextmanager
def _entries(site: Site) -> Iterator[Entries]:
    uri = AlertSettings().alerts_journal
    journal = open_journal(journal_file(site.settings()), uri.get_secret_value() if uri else None)
    try:
        with journal.look() as entries:
            yield entries
    finally:
        journal.close()
