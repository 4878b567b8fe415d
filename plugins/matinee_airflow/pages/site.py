"""What the pages share: the renderer, the boards and the settings of the lake."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from fastapi.responses import HTMLResponse

from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee_airflow.pages.board import Board, Boards
from matinee_airflow.pages.logs import Task
from matinee_airflow.pages.rendering import Renderer


@dataclass(frozen=True)
class Site:
    """Makes pages of the lake of these settings at a time."""

    settings: Callable[[], Settings]
    now: Callable[[], datetime]
    logs: Callable[[Task], Iterable[bytes]]
    boards: Boards
    renderer: Renderer

    @classmethod
    def of(cls, request: Request) -> "Site":
        """Return the site that a request came to."""
        site: Site = request.app.state.site
        return site

    def lake(self) -> Lake:
        """Open the lake for one page."""
        return Lake.open(self.settings()).one_look()

    def page(self, request: Request, name: str, facts: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """Return a page."""
        return self.renderer.page(name, facts, root=request.scope["root_path"], status=status)

    def with_board(
        self, request: Request, name: str, title: str, facts: Callable[[Board], Mapping[str, object]]
    ) -> HTMLResponse:
        """Return a page of the current board, or a page that comes again while the first look is under way."""
        board = self.boards.current()
        if board is None:
            waiting = {"message": "The first look at the lake is under way.", "next_step": "", "again": True}
            return self.page(request, "message", {"title": title, **waiting})
        return self.page(request, name, {"title": title, "board": board, "again": self._is_old(board), **facts(board)})

    def _is_old(self, board: Board) -> bool:
        """Whether the page should come again: nobody has looked for a while, and a new look is under way."""
        return self.now() - board.taken > max(timedelta(minutes=1), 6 * board.took)
