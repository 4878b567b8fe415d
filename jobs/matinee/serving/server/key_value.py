"""`KeyValue`: Get, MultiGet, Scan and Describe of any served dataset; each answer is of one version."""

import time
from typing import Any

from matinee.errors import ServiceRefusedError, ServiceUnavailableError, UsageError
from matinee.serving.keys import after
from matinee.serving.messages import message
from matinee.serving.server.opened import Dataset, Datasets, Opened
from matinee.serving.server.pages import Page
from matinee.serving.settings import ServingSettings
from matinee.serving.translation import columns_message, key_message, key_values, put_value
from matinee.serving.values import Field

#: A page has at most so large a share of the largest answer.
_SHARE = 0.75


class KeyValue:
    """The methods of the service: from a request and the time at which the call is over to an answer."""

    def __init__(self, datasets: Datasets, settings: ServingSettings) -> None:
        self._datasets, self._settings = datasets, settings

    def get(self, request: Any, _: float) -> Any:  # noqa: ANN401 - messages
        """Return the value of a key."""
        with self._dataset(request.dataset).reading() as opened:
            [value] = opened.database.get([self._key(opened, request.key)])
            answer = message("GetResponse")(version=opened.told)
            if value is not None:
                put_value(answer.value, opened.manifest.plan.value, value)
            return answer

    def multi_get(self, request: Any, _: float) -> Any:  # noqa: ANN401 - messages
        """Return the values of keys, in the order of the request."""
        if len(request.keys) > self._settings.keys:
            raise UsageError(
                f"{len(request.keys)} keys are asked for at once.",
                next_step=f"Ask for at most {self._settings.keys} keys a call.",
            )
        with self._dataset(request.dataset).reading() as opened:
            values = opened.database.get([self._key(opened, key) for key in request.keys])
            answer = message("MultiGetResponse")(version=opened.told)
            for key, value in zip(request.keys, values, strict=True):
                entry = answer.entries.add(key=key)
                if value is not None:
                    put_value(entry.value, opened.manifest.plan.value, value)
            return answer

    def scan(self, request: Any, until: float) -> Any:  # noqa: ANN401 - messages
        """Return a page of the entries whose keys begin with a prefix."""
        limit = min(request.limit or self._settings.page, self._settings.page)
        if limit < 1:
            raise UsageError(f"A page of {request.limit} entries is asked for.", next_step="Ask for one at least.")
        with self._dataset(request.dataset).reading() as opened:
            plan = opened.manifest.plan
            prefix = plan.key.encode(key_values(plan.key, request.prefix))
            before = Page.last_of(request.page_token, opened.manifest, prefix)
            start = prefix if before is None else max(prefix, before + b"\x00")
            answer, room = message("ScanResponse")(version=opened.told), self._settings.message_kb * 1024 * _SHARE
            last = b""
            for key, value in opened.database.scan(start, after(prefix)):
                room -= len(key) + len(value)
                if len(answer.entries) == limit or (room < 0 and answer.entries):
                    answer.next_page_token = Page(opened.manifest, prefix, last).token()
                    break
                entry = answer.entries.add(key=key_message(plan.key.decode(key)))
                put_value(entry.value, plan.value, value)
                last = key
                if time.monotonic() > until:
                    raise ServiceUnavailableError(
                        "The time of the call is over.", next_step="Ask for a smaller page, or give more time."
                    )
            return answer

    def describe(self, request: Any, _: float) -> Any:  # noqa: ANN401 - messages
        """Return the columns of a dataset's key and value."""
        with self._dataset(request.dataset).reading() as opened:
            plan = opened.manifest.plan
            key = [Field(0, name, kind, True) for name, kind in zip(plan.key.names, plan.key.types, strict=True)]
            return message("DescribeResponse")(
                version=opened.told,
                key=columns_message(key),
                value=columns_message(plan.fields),
                value_type=plan.value.full_name,
            )

    def _dataset(self, name: str) -> Dataset:
        dataset = self._datasets.by_name.get(name)
        if dataset is None:
            raise ServiceRefusedError(
                f"{name or 'A dataset without a name'} is not served here.",
                next_step=f"Served are {', '.join(sorted(self._datasets.by_name)) or 'no datasets'}.",
                facts={"dataset": name},
            )
        return dataset

    def _key(self, opened: Opened, told: Any) -> bytes:  # noqa: ANN401 - a message
        key = opened.manifest.plan.key
        values = key_values(key, told)
        if len(values) < len(key.names):
            raise UsageError(
                f"{len(values)} values are given for a key of {len(key.names)} columns.",
                next_step=f"Give values of {', '.join(key.names)}; `Scan` takes the first columns alone.",
            )
        encoded = key.encode(values)
        if len(encoded) > self._settings.key_bytes:
            raise UsageError(
                f"A key of {len(encoded)} bytes is asked for.",
                next_step=f"Ask for keys of at most {self._settings.key_bytes} bytes.",
            )
        return encoded
