"""Where leases are stored: on AWS an object below the warehouse, else a row of the catalog's own database.

An entry is written by one compare-and-swap and never removed: its number only rises.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from matinee.settings import Settings
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.objects import error_code, s3_client

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, Select, Table

TABLE = "matinee_leases"
FOLDER = "_leases"
#: Error codes of S3 where the object is not the version that the condition names, or another write is under way.
_OTHERS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412"})


@dataclass(frozen=True)
class Entry:
    """The stored state of a lease.

    Attributes:
        holder: names a process; empty: nobody.
        until: when its time is over.
        number: of the holder; each next holder has a greater number.
        version: of the entry itself, as the store gives it; None: there is no entry yet.
    """

    holder: str
    until: datetime
    number: int
    version: str | None = None


class LeaseStore(Protocol):
    """Entries of leases by name."""

    def read(self, name: str) -> Entry | None:
        """Return the entry; None where the lease was never held."""

    def write(self, name: str, entry: Entry) -> bool:
        """Replace the entry of the same version; return False, without a change, where that version is gone."""

    def entries(self) -> Mapping[str, Entry]:
        """Return the entries of all leases that were ever held, by name."""


def store_of(lake: Lake) -> LeaseStore:
    """Return the store of a lake's leases."""
    if lake.settings.catalog == "aws":
        return LeaseObjects(lake.settings)
    return LeaseRows(lake.catalog.engine, lake.settings.catalog_name)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class LeaseRows:
    """Rows of a table beside those of PyIceberg's catalog; the table is made when the first lease is taken."""

    engine: "Engine"
    catalog: str

    def read(self, name: str) -> Entry | None:
        return self._select(_rows().c.name == name).get(name)

    def entries(self) -> Mapping[str, Entry]:
        from sqlalchemy import true

        return self._select(true())

    def _select(self, condition: "ColumnElement[bool]") -> dict[str, Entry]:
        from sqlalchemy import exc, inspect, select

        rows = _rows()
        wanted = select(rows.c.name, rows.c.holder, rows.c.held_until, rows.c.number, rows.c.version)
        wanted = wanted.where(rows.c.catalog_name == self.catalog, condition)
        with catalog_errors():
            try:
                fetched = self._all(wanted)
            except (exc.OperationalError, exc.ProgrammingError):
                if not inspect(self.engine).has_table(TABLE):
                    return {}
                # Another process has made the table since; any other error is raised again.
                fetched = self._all(wanted)
        return {row[0]: Entry(row[1], datetime.fromisoformat(row[2]), row[3], str(row[4])) for row in fetched}

    def _all(self, wanted: "Select[Any]") -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(wanted).all()

    def write(self, name: str, entry: Entry) -> bool:
        from sqlalchemy import exc, insert, update

        rows = _rows()
        values = {"holder": entry.holder, "held_until": entry.until.isoformat(), "number": entry.number}
        with catalog_errors():
            if entry.version is None:
                self._make()
                first = insert(rows).values(catalog_name=self.catalog, name=name, version=1, **values)
                try:
                    with self.engine.begin() as connection:
                        connection.execute(first)
                except exc.IntegrityError:
                    return False
                return True
            version = int(entry.version)
            changed = update(rows).where(rows.c.catalog_name == self.catalog, rows.c.name == name)
            changed = changed.where(rows.c.version == version).values(version=version + 1, **values)
            with self.engine.begin() as connection:
                return connection.execute(changed).rowcount == 1

    def _make(self) -> None:
        from sqlalchemy import exc, inspect

        try:
            _rows().create(self.engine, checkfirst=True)
        except (exc.OperationalError, exc.ProgrammingError, exc.IntegrityError):
            # Another process made the table between the check and the statement.
            if not inspect(self.engine).has_table(TABLE):
                raise


@cache
def _rows() -> "Table":
    from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text

    keys = (Column(name, String(255), primary_key=True) for name in ("catalog_name", "name"))
    texts = (Column(name, Text, nullable=False) for name in ("holder", "held_until"))
    numbers = (Column(name, BigInteger, nullable=False) for name in ("number", "version"))
    return Table(TABLE, MetaData(), *keys, *texts, *numbers)


@dataclass(frozen=True)
class LeaseObjects:
    """Objects `<warehouse>/_leases/<name>.json`, written with If-None-Match and If-Match; a version is an ETag."""

    settings: Settings

    def read(self, name: str) -> Entry | None:
        from botocore.exceptions import ClientError

        with catalog_errors():
            try:
                response = self._client().get_object(**self._place(name))
            except ClientError as error:
                if error_code(error) not in _OTHERS:
                    raise
                return None
            body = json.loads(response["Body"].read())
        return Entry(body["holder"], datetime.fromisoformat(body["until"]), body["number"], response["ETag"])

    def write(self, name: str, entry: Entry) -> bool:
        from botocore.exceptions import ClientError

        body = {"holder": entry.holder, "until": entry.until.isoformat(), "number": entry.number}
        condition = {"IfNoneMatch": "*"} if entry.version is None else {"IfMatch": entry.version}
        with catalog_errors():
            try:
                self._client().put_object(**self._place(name), Body=json.dumps(body).encode(), **condition)
            except ClientError as error:
                if error_code(error) not in _OTHERS:
                    raise
                return False
        return True

    def entries(self) -> Mapping[str, Entry]:
        folder = self._place("")
        prefix = folder["Key"].removesuffix(".json")
        with catalog_errors():
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=folder["Bucket"], Prefix=prefix)
            keys = [content["Key"] for page in pages for content in page.get("Contents", ())]
        names = [key.removeprefix(prefix).removesuffix(".json") for key in keys]
        return {name: entry for name in names if (entry := self.read(name)) is not None}

    def _place(self, name: str) -> dict[str, str]:
        parts = urlsplit(self.settings.warehouse_uri)
        return {"Bucket": parts.netloc, "Key": f"{parts.path.strip('/')}/{FOLDER}/{name}.json".lstrip("/")}

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return s3_client(self.settings.aws_region, self.settings.s3_endpoint)
