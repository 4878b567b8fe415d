"""The page Publications: what was prepared, published, abandoned and withdrawn; of one publication, all of it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from matinee.days import instant_of
from matinee.ledger.account import account, records_of
from matinee.ledger.ledger import history
from matinee.ledger.notes import Note
from matinee_airflow.pages.board import NEWEST, Board
from matinee_airflow.pages.site import Site

router = APIRouter()


@router.get("/publications")
def publications(request: Request, dataset: str = "") -> HTMLResponse:
    """Show the newest publications of all datasets, or of one."""
    site = Site.of(request)
    return site.with_board(request, "publications", "Publications", lambda board: _facts(site, board, dataset))


@router.get("/publications/{publication_id}")
def publication(request: Request, publication_id: str) -> HTMLResponse:
    """Show what one publication read, its verdicts and its days."""
    site = Site.of(request)
    lake = site.lake()
    facts = account(lake, records_of(lake, publication_id))
    return site.page(
        request,
        "publication",
        {"title": publication_id, "told": facts, "twin": f"matinee publications show {publication_id}"},
    )


def _facts(site: Site, board: Board, dataset: str) -> dict[str, object]:
    names = [shown.dataset for shown in board.datasets]
    newest = board.newest
    if dataset in names:
        # The board has the newest of all datasets together: of one dataset there may be more.
        newest = tuple((dataset, note) for note in history(site.lake(), dataset).last_recorded(NEWEST))
    return {
        "names": names,
        "dataset": dataset,
        "rows": [_row(name, note) for name, note in newest],
        "twin": f"matinee publications list {dataset}".strip(),
    }


def _row(dataset: str, note: Note) -> dict[str, object]:
    return {
        "dataset": dataset,
        "day": note.day,
        "publication": note.publication_id,
        "state": note.state.value,
        "generation": note.generation,
        "rows": note.out,
        "duplicates": note.duplicate,
        "failed": note.blocked,
        "recorded": instant_of(note.recorded_us),
    }
