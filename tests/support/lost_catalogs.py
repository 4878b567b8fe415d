"""Lakes whose catalog is lost: helpers that fill them, lose the catalog, and read what must be restored."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from matinee.ledger.recovery import recover
from matinee.maintenance import backup as backups
from matinee.publication.move import drop_branches, move_to_main
from matinee.settings import Settings
from matinee.table import lake_format
from matinee.table.catalog import Lake
from matinee.table.leases.lease import hold
from matinee.table.leases.lease_store import store_of
from tests.support.lakes import D1, PLANNED, core_play, land, prepare, raw_play

PLAYS, RAW, WORK = "core.plays", "raw.plays", "ops.heals/work"


def lose(settings: Settings) -> None:
    """Lose the catalog of a lake: no table, and no lease, is known to it any more."""
    if settings.catalog == "embedded":
        for file in settings.home.glob("catalog.db*"):
            file.unlink()
    elif settings.catalog == "postgres":
        _lose_postgres(Lake.open(settings))
    else:
        lake = Lake.open(settings)
        for name in lake_format.known_tables(lake):
            lake.catalog.drop_table(name)
    lake_format._seen.clear()


def _lose_postgres(lake: Lake) -> None:
    from sqlalchemy import text

    with lake.catalog.engine.begin() as connection:  # type: ignore[attr-defined]
        connection.execute(text("DROP TABLE iceberg_tables, iceberg_namespace_properties, matinee_leases"))


def save_catalog(settings: Settings, file: Path) -> None:
    """Copy the embedded catalog, as it is now, to a file."""
    with closing(sqlite3.connect(settings.home / "catalog.db")) as catalog, closing(sqlite3.connect(file)) as saved:
        catalog.backup(saved)


def put_back(settings: Settings, file: Path) -> None:
    """Move a file into the place of the embedded catalog."""
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (settings.home / name).unlink(missing_ok=True)
    file.replace(settings.home / "catalog.db")


def publish_day(lake: Lake, day: object, play_id: str) -> None:
    run = prepare(lake, PLAYS, day, [core_play(day, play_id)], attempt=play_id)  # type: ignore[arg-type]
    move_to_main(lake, run, lambda _: ())
    recover(lake, PLAYS)
    drop_branches(lake.table(PLAYS), run)


def filled(lake: Lake) -> Lake:
    land(lake, RAW, [raw_play(D1)])
    publish_day(lake, D1, "p1")
    with hold(lake, "ops.heals", "work", "before"):
        pass
    return lake


def saved(lake: Lake) -> backups.Backup:
    """The backup, written and read again."""
    folder = lake.settings.home.parent / "backup"
    backups.write(backups.take(lake, PLANNED), folder)
    return backups.read(folder)


def hashes(lake: Lake) -> dict[str, str]:
    """A hash of each table's rows, whatever their order."""
    tables = {name: lake.table(name).scan().to_arrow().to_pylist() for name in lake_format.known_tables(lake)}
    return {
        name: hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest() for name, rows in tables.items()
    }


def pointers(lake: Lake) -> dict[str, str]:
    return {name: lake.table(name).metadata_location for name in lake_format.known_tables(lake)}


def numbers(lake: Lake) -> dict[str, int]:
    return {name: entry.number for name, entry in store_of(lake).entries().items()}
