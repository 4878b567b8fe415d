"""The store `dynamodb`: one table, whose partition key names a part of a version; the sort key is an entry's key.

An import from S3 always makes a table of its own, so entries are written in batches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from matinee.errors import StoreUnavailableError, TransientError, UsageError
from matinee.foreign import translated
from matinee.serving.model import Shard, from_json, to_json
from matinee.serving.stores.protocol import Entry

#: Limits of the service: items of a call that writes, of a call that reads; bytes of a sort key.
WRITTEN, READ, KEY_BYTES = 25, 100, 1024
#: Calls of a process at the same time; for so many seconds items are sent again that the service did not take.
CALLS, PATIENCE_S = 8, 120.0
#: The least sort key.
_LEAST = b"\x00"
_PART, _KEY, _VALUE, _SHARD = "part", "key", "value", "shard"


@dataclass(frozen=True)
class DynamoDb:
    """A table; `space` begins the partition keys of a dataset's versions, `<space>/<version>` has the descriptions."""

    region: str
    endpoint: str | None
    table: str
    space: str

    def parts(self, version: str) -> Mapping[str, Shard | None]:
        with _translating():
            try:
                items = list(self._query(self._version(version), b"", None))
            except self._client.exceptions.ResourceNotFoundException:
                return {}
        return {_bytes(item, _KEY).decode(): _shard(item) for item in items}

    def describe(self, version: str, part: str, shard: Shard | None) -> None:
        with _translating():
            try:
                self._client.put_item(**self._description(version, part, shard))
            except self._client.exceptions.ResourceNotFoundException:
                self._make_table()
                self._client.put_item(**self._description(version, part, shard))

    def put(self, version: str, part: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if len(entry.key) > KEY_BYTES:
                raise UsageError(
                    f"A key has {len(entry.key)} bytes, and DynamoDB takes {KEY_BYTES}.",
                    next_step="Serve the dataset from the store `rocksdb` or `redis`, or by a shorter key.",
                    facts={"key": entry.key.hex()},
                )
        of_part = self._place(version, part)
        self._write([{"PutRequest": {"Item": {**of_part(entry.key), _VALUE: {"B": entry.value}}}} for entry in entries])

    def get(self, version: str, part: str, keys: Sequence[bytes]) -> list[bytes | None]:
        of_part, distinct, values = self._place(version, part), list(dict.fromkeys(keys)), dict[bytes, bytes]()

        def once(left: list[dict[str, Any]]) -> list[dict[str, Any]]:
            answer = self._client.batch_get_item(RequestItems={self.table: {"Keys": left, "ConsistentRead": True}})
            values.update((_bytes(item, _KEY), _bytes(item, _VALUE)) for item in answer["Responses"][self.table])
            unread: list[dict[str, Any]] = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            return unread

        with _translating():
            for begin in range(0, len(distinct), READ):
                _until_taken(once, [of_part(key) for key in distinct[begin : begin + READ]])
        return [values.get(key) for key in keys]

    def scan(self, version: str, part: str, start: bytes, end: bytes | None, *, down: bool = False) -> Iterator[Entry]:
        with _translating():
            for item in self._query(f"{self._version(version)}/{part}", start, end, down=down):
                yield Entry(_bytes(item, _KEY), _bytes(item, _VALUE))

    def is_whole(self, version: str, part: str) -> bool:
        key = {_PART: {"S": self._version(version)}, _KEY: {"B": part.encode()}}
        with _translating():
            answer = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _shard(answer.get("Item", {})) is not None

    def remove(self, version: str, shard: Shard, keys: Sequence[bytes]) -> None:
        of_part = self._place(version, shard.file)
        acts = [{"Delete": {"TableName": self.table, "Key": of_part(key)}} for key in keys]
        with _translating():
            described = {"Put": self._description(version, shard.file, shard)}
            self._client.transact_write_items(TransactItems=[*acts, described])

    def drop(self, version: str, part: str) -> None:
        of_part = self._place(version, part)
        with _translating():
            keys = [_bytes(item, _KEY) for item in self._query(f"{self._version(version)}/{part}", b"", None)]
            self._write([{"DeleteRequest": {"Key": of_part(key)}} for key in keys])
            key = {_PART: {"S": self._version(version)}, _KEY: {"B": part.encode()}}
            self._client.delete_item(TableName=self.table, Key=key)

    def _write(self, requests: Sequence[dict[str, Any]]) -> None:
        def once(left: list[dict[str, Any]]) -> list[dict[str, Any]]:
            answer = self._client.batch_write_item(RequestItems={self.table: left})
            untaken: list[dict[str, Any]] = answer.get("UnprocessedItems", {}).get(self.table, [])
            return untaken

        batches = [list(requests[begin : begin + WRITTEN]) for begin in range(0, len(requests), WRITTEN)]
        with _translating(), ThreadPoolExecutor(CALLS) as pool:
            for _ in pool.map(lambda batch: _until_taken(once, batch), batches):
                pass

    def _query(self, part: str, start: bytes, end: bytes | None, *, down: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the items of a partition key, in the order of their sort keys."""
        least = start or _LEAST
        if end is not None and end <= least:
            return
        condition = "#part = :part AND #key " + (">= :start" if end is None else "BETWEEN :start AND :end")
        ends = {} if end is None else {":end": {"B": end}}
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#part": _PART, "#key": _KEY},
            ExpressionAttributeValues={":part": {"S": part}, ":start": {"B": least}, **ends},
            ConsistentRead=True,
            ScanIndexForward=not down,
        )
        for page in pages:
            yield from (item for item in page["Items"] if end is None or _bytes(item, _KEY) < end)

    def _description(self, version: str, part: str, shard: Shard | None) -> dict[str, Any]:
        told = {_SHARD: {"S": to_json(shard).decode()}} if shard else {}
        return {
            "TableName": self.table,
            "Item": {_PART: {"S": self._version(version)}, _KEY: {"B": part.encode()}, **told},
        }

    def _make_table(self) -> None:
        """Make the table, paid by request; of two tasks that make it, the other waits."""
        with suppress(self._client.exceptions.ResourceInUseException):
            self._client.create_table(
                TableName=self.table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": _PART, "AttributeType": "S"},
                    {"AttributeName": _KEY, "AttributeType": "B"},
                ],
                KeySchema=[
                    {"AttributeName": _PART, "KeyType": "HASH"},
                    {"AttributeName": _KEY, "KeyType": "RANGE"},
                ],
            )
        self._client.get_waiter("table_exists").wait(TableName=self.table, WaiterConfig={"Delay": 1})

    def _version(self, version: str) -> str:
        return f"{self.space}/{version}"

    def _place(self, version: str, part: str) -> Callable[[bytes], dict[str, Any]]:
        name = f"{self._version(version)}/{part}"
        return lambda key: {_PART: {"S": name}, _KEY: {"B": key}}

    @property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return _client(self.region, self.endpoint)


def _bytes(item: Mapping[str, Any], name: str) -> bytes:
    return bytes(item[name]["B"])


def _shard(item: Mapping[str, Any]) -> Shard | None:
    if _SHARD not in item:
        return None
    return from_json(Shard, item[_SHARD]["S"].encode(), "the description of a part in DynamoDB")


def _until_taken(once: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], items: list[dict[str, Any]]) -> None:
    """Send items, and those again, ever more slowly, that the service did not take."""
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_exponential

    left = items

    def again() -> bool:
        nonlocal left
        left = once(left)
        return bool(left)

    def over(_: object) -> None:
        raise StoreUnavailableError(
            f"DynamoDB has left {len(left)} items of a call for {PATIENCE_S:.0f} seconds.",
            next_step="Give the table more capacity, or serve.yaml fewer `shards`; then run again.",
        )

    wait = wait_exponential(multiplier=0.05, max=10)
    stop = stop_after_delay(PATIENCE_S)
    Retrying(retry=retry_if_result(bool), wait=wait, stop=stop, retry_error_callback=over)(again)


@cache
def _client(region: str, endpoint: str | None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the client of this process; it sends throttled calls again itself, ever more slowly."""
    import boto3
    from botocore.config import Config

    how = Config(retries={"mode": "standard", "max_attempts": 8}, max_pool_connections=2 * CALLS)
    return boto3.client("dynamodb", region_name=region, endpoint_url=endpoint, config=how)


@contextmanager
def _translating() -> Iterator[None]:
    """Turn errors of AWS into Matinee's.

    Raises:
        StoreUnavailableError: the service does not answer, or takes no more calls.
        CatalogRefusedError: credentials or rights are missing.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        ours = translated(error)
        if not isinstance(ours, TransientError):
            raise ours from error
        raise StoreUnavailableError(
            f"DynamoDB does not answer, or takes no more calls: {error}",
            next_step="Check MATINEE_SERVING_DYNAMODB_* and the capacity of the table, then run again.",
            facts={"cause": type(error).__name__},
        ) from error
