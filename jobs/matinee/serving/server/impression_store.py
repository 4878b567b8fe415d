"""`ImpressionStore`: what a profile has seen of titles; an answer is of one version, and of what the delta then had."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Any

from matinee.days import end_of, instant_of, micros_of
from matinee.errors import ServiceUnavailableError, TooEarlyError, UsageError
from matinee.serving import answers
from matinee.serving.answers import Part, Row
from matinee.serving.delta.following import Follower, Lag
from matinee.serving.delta.store import View
from matinee.serving.impressions import KEY, SKEW_US, seen_of
from matinee.serving.keys import after
from matinee.serving.messages import message
from matinee.serving.server.opened import Dataset, Opened
from matinee.serving.server.pages import Page
from matinee.serving.settings import ServingSettings
from matinee.table.registers import stamp

_BY_TITLE = 0


class ImpressionStore:
    """The methods of the service: from a request and the time at which the call is over to an answer."""

    def __init__(self, dataset: Dataset, follower: Follower | None, settings: ServingSettings) -> None:
        self._dataset, self._follower, self._settings = dataset, follower, settings

    def get_profile(self, request: Any, until: float) -> Any:  # noqa: ANN401 - messages
        """Return a page of what a profile has seen."""
        if request.summed and request.locations:
            raise UsageError("Rows are summed over all locations.", next_step="Name locations, or ask for `summed`.")
        limit = min(request.limit or self._settings.page, self._settings.page)
        if limit < 1:
            raise UsageError(f"A page of {request.limit} rows is asked for.", next_step="Ask for one at least.")
        asked = type(request)()
        asked.CopyFrom(request)
        for name in ("limit", "page_token"):
            asked.ClearField(name)
        with self._dataset.reading() as opened:
            content = asked.SerializeToString(deterministic=True)
            before = Page.last_of(request.page_token, opened.manifest, content)
            at_us, last = json.loads(before) if before else (_at(request), None)
            profile = self._profile(opened, request.profile_id, at_us)
            begin = [last[1]] if last and request.order_by == _BY_TITLE else []
            every = answers.of_locations(profile.rows(begin), request.locations)
            every = answers.summed(every) if request.summed else every
            rows, end = answers.page(_in_time(every, until), request.order_by, limit, tuple(last) if last else None)
            answer = message("GetProfileResponse")(basis=profile.basis(), rows=map(_told, rows))
            if end is not None:
                answer.next_page_token = Page(opened.manifest, content, json.dumps([at_us, end]).encode()).token()
            return answer

    def get_titles(self, request: Any, until: float) -> Any:  # noqa: ANN401 - messages
        """Return what a profile has seen of titles."""
        if len(request.title_ids) > self._settings.keys:
            raise UsageError(
                f"{len(request.title_ids)} titles are asked for at once.",
                next_step=f"Ask for at most {self._settings.keys} titles a call.",
            )
        with self._dataset.reading() as opened:
            profile = self._profile(opened, request.profile_id, _at(request))
            rows = (profile.title(title) for title in request.title_ids)
            told = map(_told, _in_time(rows, until))
            return message("GetTitlesResponse")(basis=profile.basis(), rows=told)

    def _profile(self, opened: Opened, profile_id: str, at_us: int) -> "_Profile":
        prefix = KEY.encode([profile_id])
        if len(prefix) > self._settings.key_bytes:
            raise UsageError(
                f"The id of the profile has {len(prefix)} bytes.",
                next_step=f"Ask for keys of at most {self._settings.key_bytes} bytes.",
            )
        view = self._follower.view(prefix) if self._follower else None
        profile = _Profile(opened, view, self._lag(opened), profile_id, prefix, at_us)
        profile.refuse_early()
        return profile

    def _lag(self, opened: Opened) -> Lag:
        if self._follower is None:
            return Lag(None, 0.0, "MATINEE_STREAM_KAFKA names no brokers: newer events than the version's are missing.")
        return self._follower.lag(_first(opened))


@dataclass(frozen=True)
class _Profile:
    """A profile as one version and the delta tell of it, faded to an instant."""

    opened: Opened
    view: View | None
    lag: Lag
    profile_id: str
    prefix: bytes
    at_us: int

    @property
    def end_us(self) -> int:
        return micros_of(end_of(self.opened.manifest.plan.source.key))

    def refuse_early(self) -> None:
        """Check that the instant is not before the averages, nor much before the newest event.

        Raises:
            TooEarlyError: it is.
        """
        if self.at_us < self.end_us:
            end = instant_of(self.end_us)
            raise TooEarlyError(
                f"{instant_of(self.at_us)} is before {end}, the end of the version's day.",
                next_step=f"Ask for an instant from {end} on; `matinee kv rollback` serves an earlier day.",
            )
        newest_us = self.view.newest_us if self.view else None
        if newest_us is not None and self.at_us < newest_us - SKEW_US:
            raise TooEarlyError(
                f"{instant_of(self.at_us)} is before {instant_of(newest_us)}, when the newest event happened.",
                next_step="Ask for a later instant, or for none: then the service's clock counts.",
            )

    def rows(self, begin: Sequence[str] = (), end: bytes | None = None) -> Iterator[Row]:
        """Yield the rows from a title on, in the order of title and location."""
        start, end = KEY.encode([self.profile_id, *begin]), end or after(self.prefix) or b""
        delta = self.view.parts(start, end, _first(self.opened), self.at_us) if self.view else ()
        return answers.rows(self._base(start, end), delta, _names)

    def title(self, title: str) -> Row:
        """Return the row of a title over all locations."""
        own = self.rows([title], after(KEY.encode([self.profile_id, title])))
        return next(answers.summed(own), Row(title, "", answers.NOTHING))

    def basis(self) -> Any:  # noqa: ANN401 - a message
        """Return what the answer is made from."""
        told = message("Basis")(version=self.opened.told)
        told.at.FromDatetime(instant_of(self.at_us))
        is_new = self.view is not None and (self.view.newest_us or 0) >= self.end_us
        told.is_profile_known = is_new or any(self.opened.database.scan(self.prefix, after(self.prefix)))
        if self.lag.watermark is not None:
            told.delta_watermark.FromDatetime(self.lag.watermark)
        told.delta_lag_s, told.degraded = self.lag.seconds, self.lag.degraded
        return told

    def _base(self, start: bytes, end: bytes) -> Iterator[Part]:
        parse, age_us = self.opened.manifest.plan.value.message.FromString, self.at_us - self.end_us
        for key, value in self.opened.database.scan(start, end):
            yield key, seen_of(parse(value), age_us)


def _first(opened: Opened) -> date:
    """Return the first day whose events the version does not have."""
    return end_of(opened.manifest.plan.source.key).date()


def _names(key: bytes) -> tuple[str, str]:
    _, title, location = KEY.decode(key)
    return str(title), str(location)


def _at(request: Any) -> int:  # noqa: ANN401 - a message
    return request.at.ToMicroseconds() if request.HasField("at") else micros_of(stamp())


def _in_time(every: Iterator[Row], until: float) -> Iterator[Row]:
    """Yield rows until the time of the call is over.

    Raises:
        ServiceUnavailableError: it is over.
    """
    for row in every:
        if monotonic() > until:
            raise ServiceUnavailableError(
                "The time of the call is over.", next_step="Ask for fewer rows, or give more time."
            )
        yield row


def _told(row: Row) -> Any:  # noqa: ANN401 - a message
    seen = row.seen
    told = message("Seen")(
        title_id=row.title,
        location=row.location,
        impressions=seen.impressions,
        base_plays=seen.plays,
        base_watch_ms=seen.watch_ms,
        **seen.by_name,
    )
    if seen.last_us is not None:
        told.last_seen.FromMicroseconds(seen.last_us)
    return told
