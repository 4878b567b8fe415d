"""The application behind the pages: its routes, who may use them, and what a failure of the lake looks like."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from matinee.errors import MatineeError, UsageError
from matinee.foreign import translated
from matinee.settings import Settings, load_settings
from matinee.table.registers import stamp
from matinee_airflow.pages import days, failure, freshness, incidents, publications, stream
from matinee_airflow.pages.access import may_see
from matinee_airflow.pages.board import Boards
from matinee_airflow.pages.logs import Task, last_log
from matinee_airflow.pages.rendering import Renderer
from matinee_airflow.pages.site import Site

log = logging.getLogger(__name__)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def make_app(
    settings: Callable[[], Settings] = load_settings,
    now: Callable[[], datetime] = stamp,
    logs: Callable[[Task], Iterable[bytes]] = last_log,
) -> FastAPI:
    """Return the application.

    Args:
        settings: of the lake, read at each look.
        now: the clock.
        logs: the log of a task's last try.
    """
    # No route tells of the routes, and every route asks for a session first.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, dependencies=[may_see])
    app.state.site = Site(settings, now, logs, Boards(settings, now), Renderer(now))
    for page in (freshness, days, incidents, publications, stream, failure):
        app.include_router(page.router)
    app.add_api_route("/{path:path}", _nothing, methods=_METHODS)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(MatineeError, _failed)
    app.add_exception_handler(Exception, _failed)
    return app


def _nothing() -> None:
    """Answer what no page serves: after the session was looked at, as everywhere."""
    raise HTTPException(404, "There is no such page, or the page has no such method.")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - that is what the handler is registered for
    return _told(request, error.status_code, str(error.detail), "")


def _misunderstood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - that is what the handler is registered for
    places = sorted({".".join(map(str, told["loc"])) for told in error.errors()})
    return _told(request, 422, f"The request has a wrong value: {', '.join(places)}.", "Correct it.")


def _failed(request: Request, error: Exception) -> Response:
    ours = translated(error)
    if isinstance(ours, UsageError):
        return _told(request, 404, ours.message, ours.next_step)
    log.error("%s failed: %s", request.url.path, ours, exc_info=error)
    return _told(request, 503 if ours.retryable else 500, ours.message, ours.next_step)


def _told(request: Request, status: int, message: str, next_step: str) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": f"{message} {next_step}".strip()}, status)
    facts = {"title": "Matinee", "message": message, "next_step": next_step}
    return Site.of(request).page(request, "message", facts, status)
