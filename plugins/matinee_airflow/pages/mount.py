"""What the plugin registers: the application, and its entries in the navigation; nothing heavy is imported for that."""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/matinee"
#: The pages of the navigation, by their addresses.
PAGES = {
    "freshness": "Freshness",
    "days": "Days",
    "incidents": "Incidents",
    "publications": "Publications",
    "stream": "Stream",
}
_Message = MutableMapping[str, Any]


class LazyApp:
    """The application, made at its first request: each Airflow process loads the plugin, one of them serves pages."""

    @cached_property
    def _app(self) -> "FastAPI":
        from matinee_airflow.pages.app import make_app

        return make_app()

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Serve a request, by ASGI."""
        await self._app(scope, receive, send)


def root() -> str:
    """Return the address below which the pages stand, as a browser asks for it."""
    return f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}"


def external_views() -> list[dict[str, str]]:
    """Return the entries of the navigation, which show a page in a frame, and the tab of a task instance."""
    pages = [
        {
            "name": title,
            "href": f"{root()}/{name}",
            "url_route": f"matinee-{name}",
            "destination": "nav",
            "category": "Matinee",
        }
        for name, title in PAGES.items()
    ]
    failure = {
        "name": "Why it failed",
        "href": f"{root()}/failure/{{DAG_ID}}/{{RUN_ID}}/{{TASK_ID}}?map_index={{MAP_INDEX}}",
        "url_route": "matinee-failure",
        "destination": "task_instance",
    }
    return [*pages, failure]
