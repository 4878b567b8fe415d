"""The page Freshness: until when each dataset can be trusted, how far that lags, and why not longer."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from matinee.healing.day_states import DatasetDays
from matinee_airflow.pages.site import Site

router = APIRouter()


@router.get("/")
def home(request: Request) -> RedirectResponse:
    """Lead to the first page."""
    return RedirectResponse(f"{request.scope['root_path']}/freshness")


@router.get("/freshness")
def freshness(request: Request) -> HTMLResponse:
    """Show every daily dataset, late datasets first."""
    site = Site.of(request)
    now = site.now()
    return site.with_board(
        request,
        "freshness",
        "Freshness",
        lambda board: {
            "rows": sorted((_row(shown, now) for shown in board.datasets), key=lambda row: row["state"] != "late"),
            "twin": "matinee vtts list",
        },
    )


def _row(shown: DatasetDays, now: datetime) -> dict[str, object]:
    vtts = shown.age.vtts
    held = vtts.held_by.root if vtts.held_by else None
    return {
        "dataset": shown.dataset,
        "state": "late" if shown.age.is_late(now) else "valid" if vtts.vtts else "open",
        "vtts": vtts.vtts,
        "age": shown.age.at(now),
        "allowed": shown.age.allowed,
        "mature_through": vtts.mature_through,
        "held_by": f"{held.dataset} {held.day}: {held.detail}" if held else "",
        "next_step": held.next_step if held else "",
    }
