"""The page Days: which days of which dataset are valid, open, failed, withdrawn or outdated, and why."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from matinee_airflow.pages.board import DAYS, Board
from matinee_airflow.pages.grid import counts_of, lines_of, row_of
from matinee_airflow.pages.site import Site

router = APIRouter()
#: The legend, and how many reasons a page shows.
STATES = {
    "valid": "valid",
    "outdated": "outdated: valid, but an input has changed since",
    "open": "open: something is still to come",
    "failed": "failed: not to be read",
    "withdrawn": "withdrawn",
    "dropped": "dropped",
}
REASONS = 200


@router.get("/days")
def days(request: Request, dataset: str = "", days: int = 90) -> HTMLResponse:
    """Show the last days of all datasets, or of one, as a grid and as a list of what is not simply valid."""
    wanted = min(max(days, 1), DAYS)
    return Site.of(request).with_board(request, "days", "Days", lambda board: _facts(board, dataset, wanted))


def _facts(board: Board, dataset: str, days: int) -> dict[str, object]:
    chosen = [shown for shown in board.datasets if dataset in ("", shown.dataset)]
    last = max((shown.last for shown in chosen if shown.last), default=board.taken.date())
    owed = min((shown.first for shown in chosen if shown.first), default=last)
    first = max(owed, last - timedelta(days=days - 1))
    others = [(shown.dataset, other) for shown in chosen for day, other in shown.others.items() if first <= day <= last]
    others.sort(key=lambda told: told[1].day, reverse=True)
    rows = [
        {"dataset": shown.dataset, "grid": row_of(shown, first, last), "counts": counts_of(shown, first, last)}
        for shown in chosen
    ]
    return {
        "names": [shown.dataset for shown in board.datasets],
        "dataset": dataset,
        "days": days,
        "first": first,
        "last": last,
        "lines": lines_of(first, last),
        "rows": rows,
        "states": STATES,
        "others": others[:REASONS],
        "more": len(others) if len(others) > REASONS else 0,
        "twin": f"matinee day list {dataset}".strip() + f" --from {first} --to {last}",
    }
