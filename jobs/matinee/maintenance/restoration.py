"""Restoration: a catalog that was lost comes back from its backup and from what was committed after it.

Each commit leaves a metadata file below its table, so the lost pointer was at the newest file of the backed-up table,
or a commit was about to move the pointer there. A file whose writer died before it moved the pointer counts as
committed: recovery handles this like a kill after a commit. Where two files are the newest, one lost the race: only the
catalog knew which, and a person has to say.

Restoration knows all tables that it will register before it writes anything. `ops.lake` comes last: until then the lake
counts as lost, and nobody writes to it. The next restoration finishes a restoration that was killed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from matinee import faults
from matinee.errors import RestoreRefusedError
from matinee.maintenance.backup import Backup, Pointer
from matinee.table import lake_format
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.catalogs.retired import RETIREMENTS, last_by_dataset
from matinee.table.leases.lease_store import Entry, store_of
from matinee.table.location import is_below, is_own
from matinee.table.metadata.metadata_files import MetadataFile, name_of, newest, version_of

#: Greater than the number of holders that a lease can have had since the backup: one a second for 31 years.
RISE = 10**9


@dataclass(frozen=True)
class Restored:
    """A table that was restored.

    Attributes:
        dataset: the table.
        metadata_file: the file that the catalog points at now.
        commits: how many commits came after the backup; None: the table was made after the backup.
        registered: False where the catalog had the table already.
    """

    dataset: str
    metadata_file: str
    commits: int | None
    registered: bool


def restore(lake: Lake, backup: Backup, take: Collection[str] = ()) -> list[Restored]:
    """Restore a lost catalog.

    Args:
        lake: opened by `Lake.open_any`; its catalog has no table, or only tables that this call would register.
        backup: the newest backup.
        take: names of metadata files that are right, where a table has two newest ones.

    Raises:
        RestoreRefusedError: the catalog has another table, the backup is of another warehouse, the files of a table are
            not there, or two of them are the newest; nothing was changed.
        ContractError: a contract cannot be used.
        CatalogUnavailableError: the catalog or the storage does not answer.
    """
    lake.registry.require_all("Nothing was restored, as a table may belong to a contract that nobody can read")
    _refuse_other_warehouse(lake, backup)
    with catalog_errors():
        tables = _there_already(lake, list(_plan(lake, backup, take)))
        missing = [restored for restored in tables if restored.registered]
        if missing:
            _restore_leases(lake, backup)
        for restored in sorted(missing, key=lambda table: table.dataset == lake_format.LAKE):
            lake.ensure_namespace(restored.dataset.rsplit(".", 1)[0])
            lake.catalog.register_table(restored.dataset, restored.metadata_file)
            faults.reach("restore.after_table")
    return tables


def _plan(lake: Lake, backup: Backup, take: Collection[str]) -> Iterator[Restored]:
    """Yield each table that was backed up or that a contract declares, if its files are there; none that is retired."""
    pointers = {pointer.dataset: pointer for pointer in backup.tables}
    retirements = _newest(lake, RETIREMENTS, pointers.get(RETIREMENTS), take)
    for dataset in sorted({*pointers, *lake.registry.contracts} - _retired(lake, retirements)):
        pointer = pointers.get(dataset)
        file = _newest(lake, dataset, pointer, take)
        if file is not None:
            commits = version_of(file.path) - version_of(pointer.metadata_file) if pointer else None
            yield Restored(dataset, file.path, commits, registered=True)


def _retired(lake: Lake, register: MetadataFile | None) -> set[str]:
    from pyiceberg.table import StaticTable

    if register is None:
        return set()
    table = StaticTable.from_metadata(register.path, lake.catalog.properties)
    return set(last_by_dataset(table.scan().to_arrow()))


def _newest(lake: Lake, dataset: str, pointer: Pointer | None, take: Collection[str]) -> MetadataFile | None:
    location = pointer.location if pointer else lake.location(dataset)
    files = newest(lake.catalog, location, lambda file: pointer is None or _goes_on(file, pointer))
    if len(files) > 1:
        names = [file.name for file in files]
        files = [file for file in files if file.name in take]
        if len(files) != 1:
            raise _two_newest(dataset, location, names)
    if pointer is not None and not files:
        raise RestoreRefusedError(
            f"{location} has neither the metadata of {dataset} that was backed up nor any later: nothing was restored.",
            next_step="Bring the files of the warehouse back first, then restore again.",
            facts={"dataset": dataset, "metadata_file": pointer.metadata_file},
        )
    return files[0] if files else None


def _goes_on(file: MetadataFile, pointer: Pointer) -> bool:
    """Whether a metadata file is the one that was backed up, or one that was committed on top of it."""
    if str(file.metadata.table_uuid) != pointer.uuid:
        return False
    saved = name_of(pointer.metadata_file)
    commits = version_of(file.path) - version_of(saved)
    log = [name_of(entry.metadata_file) for entry in file.metadata.metadata_log]
    # The log names the files that a file was built on, one for each version; the oldest names are dropped from the log.
    return file.name == saved or (commits > 0 and (saved in log or len(log) < commits))


def _there_already(lake: Lake, planned: list[Restored]) -> list[Restored]:
    """Mark the tables that the catalog has already.

    Raises:
        RestoreRefusedError: the catalog has a table that would not be restored, or would be restored at another file.
    """
    wanted = {restored.dataset: name_of(restored.metadata_file) for restored in planned}
    has = {name: lake.catalog.load_table(name) for name in lake_format.known_tables(lake)}
    for name, table in has.items():
        if name_of(table.metadata_location) != wanted.get(name) and (name in wanted or is_own(table)):
            raise RestoreRefusedError(
                f"The catalog has {name} at {table.metadata_location}, the restored one would be "
                f"{wanted.get(name, 'none')}: nothing was restored.",
                next_step="Restore into an empty catalog: name another by MATINEE_CATALOG_*, or drop the tables of "
                "this one (their files stay) if it is known to be wrong.",
                facts={"dataset": name, "metadata_file": table.metadata_location},
            )
    return [replace(restored, registered=restored.dataset not in has) for restored in planned]


def _restore_leases(lake: Lake, backup: Backup) -> None:
    """Write the leases so that nobody holds them, and the next number is greater than any number given before."""
    store = store_of(lake)
    known = store.entries()
    for name, number in backup.leases.items():
        entry = known.get(name)
        if entry is None or entry.number < number + RISE:
            version = entry.version if entry else None
            store.write(name, Entry("", backup.taken_ts, number + RISE, version))


def _refuse_other_warehouse(lake: Lake, backup: Backup) -> None:
    here = lake.settings.warehouse_uri
    if not (is_below(here, backup.warehouse) and is_below(backup.warehouse, here)):
        raise RestoreRefusedError(
            f"The backup is of the warehouse {backup.warehouse}, this lake's is {here}: nothing was restored.",
            next_step=f"Restore with MATINEE_WAREHOUSE={backup.warehouse}; if the lake was moved or copied, name its "
            "new place afterwards and run `matinee lake relocate`.",
            facts={"backup": backup.warehouse, "warehouse": here},
        )


def _two_newest(dataset: str, location: str, names: list[str]) -> RestoreRefusedError:
    return RestoreRefusedError(
        f"{dataset} has two newest metadata files, of which one lost the race for the catalog: {', '.join(names)}.",
        next_step="Look which one holds the commit that was reported as done, and restore again with --take FILE.",
        facts={"dataset": dataset, "location": location, "files": names},
    )
