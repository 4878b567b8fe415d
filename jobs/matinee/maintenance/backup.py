"""Backup: what would be lost with the catalog: which tables there are, where their pointers stand, and the leases.

Rows, metadata and registers lie in the warehouse, which has copies of its own; the backup names their newest state. The
backup is taken while others write: it holds one state of each table, and `maintenance.restoration` goes on from there.
"""

import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from matinee import __version__, faults
from matinee.errors import RestoreRefusedError
from matinee.table import lake_format
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.leases.lease_store import store_of
from matinee.table.location import is_own, refuse_foreign

FILE = "catalog.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pointer(_Frozen):
    """Where a table is: its identity, its folder and the metadata file that the catalog points at."""

    dataset: str
    uuid: str
    location: str
    metadata_file: str


class Backup(_Frozen):
    """The content of a backup.

    Attributes:
        backup_version: the version of this form.
        code_version: the version of the code that took the backup.
        taken_ts: when the backup was taken.
        warehouse: the warehouse of the tables.
        tables: the pointers of the tables.
        leases: the number of each lease's last holder; who holds it is not kept.
    """

    backup_version: Literal[1] = 1
    code_version: str
    taken_ts: datetime
    warehouse: str
    tables: tuple[Pointer, ...]
    leases: dict[str, int]


def take(lake: Lake, taken_ts: datetime) -> Backup:
    """Return the backup of a lake as it is now.

    Raises:
        ForeignTableError: a table that has a contract lies outside the warehouse.
    """
    with catalog_errors():
        names = lake_format.known_tables(lake)
        pointers = tuple(pointer for name in names if (pointer := _pointer(lake, name)) is not None)
        leases = {name: entry.number for name, entry in sorted(store_of(lake).entries().items())}
        return Backup(
            code_version=__version__,
            taken_ts=taken_ts,
            warehouse=lake.settings.warehouse_uri,
            tables=pointers,
            leases=leases,
        )


def _pointer(lake: Lake, dataset: str) -> Pointer | None:
    table = lake.catalog.load_table(dataset)
    if dataset in lake.registry.names:
        refuse_foreign(table)
    elif not is_own(table):
        return None  # A table of somebody else, in a shared catalog.
    uuid = str(table.metadata.table_uuid)
    return Pointer(dataset=dataset, uuid=uuid, location=table.location(), metadata_file=table.metadata_location)


def write(backup: Backup, folder: Path) -> Path:
    """Write a backup to a folder, over an earlier backup, whole or not at all; only the owner can read the file."""
    body = backup.model_dump(mode="json")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target, waiting = folder / FILE, folder / f".{FILE}.{os.getpid()}"
    with suppress(FileNotFoundError):
        waiting.unlink()
    with os.fdopen(os.open(waiting, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump({"sha256": _checksum(body), "backup": body}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    faults.reach("backup.after_write")
    waiting.replace(target)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return target


def read(folder: Path) -> Backup:
    """Read the backup of a folder.

    Raises:
        RestoreRefusedError: there is no backup, it is not whole, or a later version took it in a form of its own.
    """
    file = folder / FILE
    try:
        document = json.loads(file.read_text())
        body = document["backup"]
        if document["sha256"] != _checksum(body):
            raise ValueError("its checksum is not that of its content")
        return Backup.model_validate(body)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        cause = str(error).strip().splitlines()[0]
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            cause = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise RestoreRefusedError(
            f"{file} is no backup that can be read: {cause}.",
            next_step="Name the folder of another backup, or install the version that took this one.",
            facts={"file": file},
        ) from error


def _checksum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
