"""The journal's store: transactions that exclude each other, on SQLite in the home or on PostgreSQL."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, delete, event, exc, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from matinee import private
from matinee.alerts.journal.tables import LEASE, METADATA, SHELVES, WINDOWS, Shelf, instant
from matinee.errors import JournalUnavailableError
from matinee.foreign import translated
from matinee.private import private_folder
from matinee.table.catalogs.embedded import file_address
from matinee.table.catalogs.postgres import address

T = TypeVar("T")
#: A number that no other program locks in the same database.
_LOCK = 7_264_193_001
#: For so long the lock is waited for: a holder that vanished keeps the lock until the server learns of that.
_LOCK_TIMEOUT = "20s"
#: The option of a connection that only reads.
_LOOKS = "matinee_only_looks"
#: States of records that are not over, however long ago they were written.
UNDER_WAY = ("seen", "open", "acknowledged", "lingering", "waiting")


@dataclass(frozen=True)
class Entries:
    """The journal within one transaction."""

    connection: Connection

    def put(self, shelf: Shelf[T], *records: T) -> None:
        """Write records, each in the place of its earlier version."""
        for record in records:
            self._write(shelf, shelf.row(record))

    def get(self, shelf: Shelf[T], name: str) -> T | None:
        """Return a record by its name."""
        return next(iter(self._read(shelf, shelf.table.c.id == name)), None)

    def all(
        self,
        shelf: Shelf[T],
        *,
        since: datetime | None = None,
        prefix: str = "",
        newest: int | None = None,
        **where: str | list[str],
    ) -> list[T]:
        """Return records, in the order in which they were last written.

        Args:
            shelf: their table.
            since: only those that were written since an instant.
            prefix: only those whose names begin so.
            newest: so many at most, those that were written last.
            where: only those that have one of the named values.
        """
        columns = shelf.table.c
        conditions: list[Any] = [
            columns[name].in_(values if isinstance(values, list) else [values]) for name, values in where.items()
        ]
        if since is not None:
            conditions.append(columns.at >= instant(since))
        if prefix:
            conditions.append(columns.id.startswith(prefix, autoescape=True))
        return self._read(shelf, *conditions, newest=newest)

    def last_written(self, shelf: Shelf[Any]) -> tuple[str, int]:
        """Return when a table was last written, and how many records it has: something changed where these differ."""
        told = self.connection.execute(select(func.max(shelf.table.c.at), func.count()).select_from(shelf.table)).one()
        return str(told[0]), int(told[1])

    def prune(self, before: datetime) -> None:
        """Remove what was last written before an instant and is over; windows stay."""
        for shelf in SHELVES:
            over = shelf.table.c.state.not_in(UNDER_WAY)
            if shelf is not WINDOWS:
                self.connection.execute(delete(shelf.table).where(shelf.table.c.at < instant(before), over))

    def lease(self, name: str) -> tuple[str, datetime] | None:
        """Return the holder of a lease and until when it is held."""
        row = self.connection.execute(select(LEASE.c.holder, LEASE.c.until).where(LEASE.c.name == name)).first()
        return (row[0], datetime.fromisoformat(row[1])) if row else None

    def take(self, name: str, holder: str, at: datetime, length: timedelta) -> bool:
        """Take or renew a lease; return False where another holder has it."""
        held = self.lease(name)
        if held is not None and held[0] != holder and held[1] > at:
            return False
        self._upsert(LEASE, {"name": name, "holder": holder, "until": instant(at + length)}, "name")
        return True

    def release(self, name: str, holder: str) -> None:
        """Give a lease up, so that the next holder need not wait for its end."""
        self.connection.execute(delete(LEASE).where(LEASE.c.name == name, LEASE.c.holder == holder))

    def rows(self, shelf: Shelf[Any], since: datetime) -> list[dict[str, Any]]:
        """Return the rows of a table that were written since an instant."""
        return self._rows(shelf, shelf.table.c.at >= instant(since))

    def rows_at_start(self, shelf: Shelf[Any], since: datetime, names: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the rows that were written since an instant, are not over, or have one of some names; all windows."""
        columns = shelf.table.c
        if shelf is WINDOWS:
            return self._rows(shelf)
        return self._rows(shelf, (columns.at >= instant(since)) | columns.state.in_(UNDER_WAY) | columns.id.in_(names))

    def _rows(self, shelf: Shelf[Any], *conditions: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - of SQLAlchemy
        wanted = select(shelf.table).where(*conditions).order_by(shelf.table.c.at)
        return [dict(row) for row in self.connection.execute(wanted).mappings()]

    def take_newer(self, shelf: Shelf[Any], rows: list[dict[str, Any]]) -> None:
        """Write rows of another journal where this one has none, or an older one."""
        known = shelf.table.c
        for row in rows:
            ours = self.connection.execute(select(known.at).where(known.id == row["id"])).scalar()
            if ours is None or ours < row["at"]:
                self._write(shelf, row)

    def _read(self, shelf: Shelf[T], *conditions: Any, newest: int | None = None) -> list[T]:  # noqa: ANN401 - of SQLAlchemy
        columns = shelf.table.c
        wanted = select(columns.body).where(*conditions).order_by(columns.at.desc(), columns.id.desc()).limit(newest)
        return [shelf.value(body) for body in self.connection.execute(wanted).scalars()][::-1]

    def _write(self, shelf: Shelf[Any], row: Mapping[str, Any]) -> None:
        self._upsert(shelf.table, row, "id")

    def _upsert(self, table: Any, row: Mapping[str, Any], key: str) -> None:  # noqa: ANN401 - of SQLAlchemy
        dialect = sqlite if self.connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).values(**row)
        others = {name: statement.excluded[name] for name in row if name != key}
        self.connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=others))


@dataclass(frozen=True)
class Journal:
    """The journal of alerts."""

    engine: Engine
    where: str

    @contextmanager
    def begin(self) -> Iterator[Entries]:
        """Begin a transaction; no other process writes meanwhile.

        Raises:
            JournalUnavailableError: the database does not answer, or refuses.
        """
        try:
            with self.engine.begin() as connection:
                if self.engine.dialect.name == "postgresql":
                    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                yield Entries(connection)
        except exc.SQLAlchemyError as error:
            raise _unavailable(self.where, error) from error

    @contextmanager
    def look(self) -> Iterator[Entries]:
        """Read what was committed; others write meanwhile.

        Raises:
            JournalUnavailableError: the database does not answer, or refuses.
        """
        try:
            with self.engine.connect().execution_options(**{_LOOKS: True}) as connection:
                yield Entries(connection)
        except exc.SQLAlchemyError as error:
            raise _unavailable(self.where, error) from error

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def open_file(file: Path) -> Journal:
    """Open the journal in a SQLite file; it is made where it is missing.

    Raises:
        JournalUnavailableError: the file cannot be made or read.
    """
    try:
        private_folder(file.parent)
        # SQLite gives the files beside a database the permissions of the database.
        file.touch(private.FILE)
        engine = create_engine(f"{file_address(file)}?timeout=30")
        event.listen(engine, "connect", _manual)
        event.listen(engine, "begin", _exclusive)
        METADATA.create_all(engine)
    except (exc.SQLAlchemyError, OSError) as error:
        raise _unavailable(str(file), error) from error
    return Journal(engine, str(file))


def open_server(uri: str) -> Journal:
    """Open the journal in PostgreSQL; its tables are made where they are missing.

    Raises:
        JournalUnavailableError: the server does not answer, or refuses.
        SettingsError: the address cannot be read.
    """
    # A server that vanishes must not stop the watcher.
    patience = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 3}
    engine = create_engine(address(uri), pool_pre_ping=True, pool_size=2, connect_args=patience)
    where = f"PostgreSQL at {engine.url.host or engine.url.query.get('host', 'localhost')}"
    try:
        METADATA.create_all(engine)
    except (exc.SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise _unavailable(where, error) from error
    return Journal(engine, where)


def _manual(connection: Any, _: object) -> None:  # noqa: ANN401 - of the driver
    connection.isolation_level = None  # Else the driver begins transactions by itself, and too late.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _exclusive(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_LOOKS) else "BEGIN IMMEDIATE")


def _unavailable(where: str, cause: BaseException) -> JournalUnavailableError:
    why = translated(cause, where)
    return JournalUnavailableError(
        f"The journal of alerts ({where}) cannot be used: {why.message}",
        next_step="Check that the database of MATINEE_ALERTS_JOURNAL answers; without it, the disk of MATINEE_HOME.",
        facts={"where": where, **why.facts},
    )
