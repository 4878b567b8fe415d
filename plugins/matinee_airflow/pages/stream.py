"""The page Stream: how far the stream lags, its last ticks, whether it is paused, and how it agrees with the batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from matinee.live.register import Tick, paused, record, ticks
from matinee.parity.register import Parity, parities
from matinee_airflow.pages.access import Why, writes
from matinee_airflow.pages.site import Site

router = APIRouter()
LAST, SINCE, COMPARED = 20, timedelta(hours=24), 30


@router.get("/stream")
def stream(request: Request) -> HTMLResponse:
    """Show the ticks of the last day, the pause, and the last comparisons."""
    site = Site.of(request)
    lake, now = site.lake(), site.now()
    last = ticks(lake, now - SINCE)
    ran = [tick for tick in last if tick.state == "ran"]
    facts = {
        "title": "Stream",
        "pause": paused(lake),
        "last_tick": now - ran[-1].recorded_ts if ran else None,
        "lag": next((tick.lag_s for tick in reversed(ran) if tick.lag_s is not None), None),
        "as_of": next((tick.as_of for tick in reversed(ran) if tick.as_of), None),
        "ticks": last[: -LAST - 1 : -1],
        "plot": _plot(ran, now),
        "parities": [_row(parity) for parity in parities(lake)[: -COMPARED - 1 : -1]],
        "twin": f"matinee stream status --last {LAST}",
    }
    return site.page(request, "stream", facts)


@router.post("/stream/pause", dependencies=writes("events_stream"))
def pause(request: Request, why: Why, user: GetUserDep) -> dict[str, str]:
    """Let no further batch begin."""
    return _said(request, Tick("paused", reason=f"{why.reason} ({user.get_name()})"))


@router.post("/stream/resume", dependencies=writes("events_stream"))
def resume(request: Request, why: Why, user: GetUserDep) -> dict[str, str]:
    """Let batches begin again."""
    return _said(request, Tick("resumed", reason=f"{why.reason} ({user.get_name()})"))


def _said(request: Request, word: Tick) -> dict[str, str]:
    record(Site.of(request).lake(), word)
    return {"state": word.state, "reason": word.reason or ""}


def _plot(ran: Sequence[Tick], now: datetime) -> Markup | None:
    """Return the lag over the last day as a line; the text beside the plot tells its highest value."""
    points = [(tick.recorded_ts, tick.lag_s) for tick in ran if tick.lag_s is not None]
    if len(points) < 2:
        return None
    highest = max(1.0, *(lag for _, lag in points))
    line = " ".join(
        f"{1000 * (1 - (now - at) / SINCE):.1f},{100 - 96 * lag / highest:.1f}" for at, lag in points[-2000:]
    )
    return Markup(  # noqa: S704 - numbers only
        '<svg class="plot" viewBox="0 0 1000 102" preserveAspectRatio="none" role="img" '
        f'aria-label="Lag over the last 24 hours, at most {highest:.0f} seconds"><polyline points="{line}"/></svg>'
    )


def _row(parity: Parity) -> dict[str, object]:
    column, worst = min(parity.scores.items(), key=lambda told: told[1], default=("-", 1.0))
    return {
        "dataset": parity.dataset,
        "day": parity.day,
        "rows": parity.rows,
        "differing": parity.differing,
        "late": parity.arrived_after_batch,
        "causes": ", ".join(f"{cause} {count:,}" for cause, count in sorted(parity.causes.items())),
        "worst": f"{column} {worst:.4%}" if worst < 1 else "",
        "recorded": parity.recorded_ts,
    }
