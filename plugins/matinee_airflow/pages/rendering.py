"""Templates made to pages: escaped, masked, with the style and the script inside, as no route serves files."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from matinee.readout.masking import masked
from matinee_airflow.pages.mount import PAGES

FOLDER = Path(__file__).with_name("templates")


class Renderer:
    """Makes pages; `now` tells the time that they state."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"number": number, "length": length, "moment": moment}
        style, script = _file("style.css"), _file("page.js")
        self._environment.globals |= {"style": Markup(style), "script": Markup(script), "pages": PAGES}  # noqa: S704
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors 'self'; style-src {_hash(style)}; script-src {_hash(script)}",
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    def page(self, name: str, facts: Mapping[str, object], *, root: str, status: int = 200) -> HTMLResponse:
        """Return a page; `root` is the address below which the pages stand."""
        template = self._environment.get_template(f"{name}.html")
        text = template.render({**facts, "page": name, "root": root, "now": self.now()})
        return HTMLResponse(text, status, self._headers)


def number(value: float | None) -> str:
    """Return a number with separators of thousands."""
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def length(value: timedelta | None) -> str:
    """Return a length of time in its two largest units."""
    if value is None:
        return "-"
    minutes, seconds = divmod(abs(int(value.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (count, _) in enumerate(units) if count), 3)
    return ("-" if value < timedelta() else "") + " ".join(
        f"{count} {unit}" for count, unit in units[first : first + 2] if count or first == 3
    )


def moment(value: datetime | None) -> str:
    """Return an instant to the second, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "-"


def _shown(value: object) -> object:
    """Return what a page shows for a value: '-' for none, and no secret of a text."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, str) and not isinstance(value, Markup):
        return _masked(value)
    return value


_masked = lru_cache(maxsize=4096)(masked)  # A page repeats names and next steps.


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
