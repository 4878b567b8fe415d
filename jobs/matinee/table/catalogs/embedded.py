"""The embedded catalog: a SQLite file that all processes of a lake share."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matinee import private
from matinee.errors import EnvironmentNotReadyError
from matinee.private import private_folder
from matinee.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

FILE = "catalog.db"


def address(home: Path) -> str:
    """Return SQLAlchemy's URL of the catalog in a home."""
    return f"{file_address(home.absolute() / FILE)}?timeout=30"


def file_address(file: Path) -> str:
    """Return SQLAlchemy's URL of a SQLite file, with characters such as `?` as SQLAlchemy reads them."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(file)).render_as_string()


def jdbc_address(home: Path) -> str:
    """Return the same for Spark: SQLite itself reads the URI of the file."""
    return f"jdbc:sqlite:{(home.absolute() / FILE).as_uri()}?busy_timeout=30000"


def make_home(settings: Settings) -> None:
    """Make the places of a lake in its home, for the owner only: an embedded catalog, the default warehouse.

    Raises:
        EnvironmentNotReadyError: something else than a file has the name of the catalog.
    """
    if settings.catalog == "embedded":
        # SQLite gives the files beside a database, which hold rows of it, too, the permissions of the database.
        (file := private_folder(settings.home) / FILE).touch(private.FILE)
        if not file.is_file():
            raise EnvironmentNotReadyError(
                f"The catalog cannot be {file}, which is no regular file.",
                next_step="Move away what has that name, or name another home by MATINEE_HOME.",
                facts={"path": file},
            )
    if not settings.warehouse:
        private_folder(settings.home / "warehouse")


def share(catalog: "Catalog", file: Path) -> None:
    """Let several processes work with a catalog's file, even where another file takes its place.

    A restore moves another file there. A process that has the earlier file open would read that file, and nobody else
    would ever see its commits.
    """
    from sqlalchemy import event, exc, text

    engine = catalog.engine  # type: ignore[attr-defined]

    def note(_: object, record: Any, *__: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        record.info["file"] = _identity(file)  # Before the file is opened: afterwards it may be another file already.

    def refuse_replaced(_: object, record: Any, __: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        current = _identity(file)
        record.info["file"] = record.info.get("file") or current
        if record.info["file"] != current:
            raise exc.DisconnectionError  # The pool connects again.

    def name_file(context: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        context.original_exception.filename = str(file)  # As errors of the operating system do.

    event.listen(engine, "do_connect", note)
    event.listen(engine, "handle_error", name_file)
    event.listen(engine, "checkout", refuse_replaced)
    with engine.connect() as connection:
        # Readers then do not block the one writer: Airflow's tasks, Spark and the command line share this file.
        connection.execute(text("PRAGMA journal_mode=WAL"))


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino
