"""The clients of `ImpressionStore`, for programs that wait and for asyncio: what profiles have seen of titles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matinee.serving.channel import AsyncChannel, Channel, ReadVersion, version_of
from matinee.serving.messages import IMPRESSION_STORE


@dataclass(frozen=True)
class SeenTitle:
    """What a profile has seen of a title; no location: over all. `averages` are by half-life, such as `7d`."""

    title: str
    location: str
    impressions: int
    last_seen: datetime | None
    base_plays: int
    base_watch_ms: int
    averages: Mapping[str, float]


@dataclass(frozen=True)
class SeenTitles:
    """An answer: all rows are of one version.

    Attributes:
        rows: in the order that was asked for.
        version: what was read.
        at: the instant that the averages are faded to.
        is_profile_known: whether the profile has seen anything.
        watermark: events that the topic had until then are counted; None: none are.
        lag_s: how far the watermark is behind the service's clock, in seconds.
        degraded: why newer events may be missing; empty: none are.
        next_page: the token of the next page; empty: this is the last.
    """

    rows: tuple[SeenTitle, ...]
    version: ReadVersion
    at: datetime
    is_profile_known: bool
    watermark: datetime | None
    lag_s: float
    degraded: str
    next_page: str = ""


class ImpressionClient(Channel):
    """A client that waits; any thread may use it."""

    def get_profile(
        self,
        profile: str,
        at: datetime | None = None,
        *,
        limit: int = 0,
        order_by: str = "TITLE",
        summed: bool = False,
        locations: Sequence[str] = (),
        page_token: str = "",
    ) -> SeenTitles:
        """Return a page of the titles that a profile has seen.

        Args:
            profile: whose.
            at: the instant that averages are faded to; None: now.
            limit: of rows; 0: as many as the service gives at once.
            order_by: TITLE, LAST_SEEN, IMPRESSIONS, EMA_1D, EMA_7D, EMA_30D, EMA_182D or EMA_365D.
            summed: a row a title, over all locations; else a row a title and location.
            locations: of these alone; none: of all.
            page_token: `next_page` of the page before.

        Raises:
            ServiceUnavailableError: the service does not answer in time, or has no active version.
            ServiceRefusedError: it refuses the call; also where the instant is too early, or the page's version gone.
        """
        told = {"limit": limit, "order_by": f"BY_{order_by}", "summed": summed, "locations": locations}
        asked = _asked(at, profile_id=profile, page_token=page_token, **told)
        return _answer(self._call(IMPRESSION_STORE, "GetProfile", **asked))

    def get_titles(self, profile: str, titles: Sequence[str], at: datetime | None = None) -> SeenTitles:
        """Return a row for each title, over all locations, in their order; zeros where it was never seen.

        Errors are those of `get_profile`.
        """
        return _answer(self._call(IMPRESSION_STORE, "GetTitles", **_asked(at, profile_id=profile, title_ids=titles)))


class AsyncImpressionClient(AsyncChannel):
    """A client for asyncio."""

    async def get_profile(
        self,
        profile: str,
        at: datetime | None = None,
        *,
        limit: int = 0,
        order_by: str = "TITLE",
        summed: bool = False,
        locations: Sequence[str] = (),
        page_token: str = "",
    ) -> SeenTitles:
        """Return a page of the titles that a profile has seen; see `ImpressionClient.get_profile`."""
        told = {"limit": limit, "order_by": f"BY_{order_by}", "summed": summed, "locations": locations}
        asked = _asked(at, profile_id=profile, page_token=page_token, **told)
        return _answer(await self._call(IMPRESSION_STORE, "GetProfile", **asked))

    async def get_titles(self, profile: str, titles: Sequence[str], at: datetime | None = None) -> SeenTitles:
        """Return a row for each title; see `ImpressionClient.get_titles`."""
        return _answer(
            await self._call(IMPRESSION_STORE, "GetTitles", **_asked(at, profile_id=profile, title_ids=titles))
        )


def _asked(at: datetime | None, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a message
    return {"at": at.astimezone(UTC) if at is not None else None, **others}


def _answer(answer: Any) -> SeenTitles:  # noqa: ANN401 - a message
    basis = answer.basis
    return SeenTitles(
        rows=tuple(map(_seen, answer.rows)),
        version=version_of(basis.version),
        at=basis.at.ToDatetime(tzinfo=UTC),
        is_profile_known=basis.is_profile_known,
        watermark=basis.delta_watermark.ToDatetime(tzinfo=UTC) if basis.HasField("delta_watermark") else None,
        lag_s=basis.delta_lag_s,
        degraded=basis.degraded,
        next_page=getattr(answer, "next_page_token", ""),
    )


def _seen(row: Any) -> SeenTitle:  # noqa: ANN401 - a message
    fields = (field.name.rpartition("_") for field in row.DESCRIPTOR.fields)
    averages = {end: getattr(row, f"{start}_{end}") for start, _, end in fields if start == "ema"}
    last = row.last_seen.ToDatetime(tzinfo=UTC) if row.HasField("last_seen") else None
    return SeenTitle(row.title_id, row.location, row.impressions, last, row.base_plays, row.base_watch_ms, averages)
