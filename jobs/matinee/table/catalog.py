"""The lake: the Iceberg catalog of these settings, opened without a JVM."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from matinee.contracts import evolve
from matinee.contracts.ddl import iceberg_schema, partition_spec, sort_order, table_properties
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.errors import CatalogRefusedError, MissingTableError
from matinee.foreign import of_drivers
from matinee.settings import Settings
from matinee.table import lake_format
from matinee.table.catalogs import embedded, postgres
from matinee.table.catalogs.address import catalog_address, read_again
from matinee.table.catalogs.retired import refuse_retired
from matinee.table.location import refuse_foreign, warn_of_foreign
from matinee.table.metadata.old_metadata import delete_let_go

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Lake:
    """A catalog, and the contracts that describe its tables."""

    settings: Settings
    registry: Registry
    catalog: "Catalog"

    @classmethod
    def open(cls, settings: Settings) -> "Lake":
        """Open the catalog of a lake whose format this version knows; an embedded catalog is made on first use.

        Raises:
            CatalogUnavailableError: the catalog does not answer.
            LakeFormatError: the lake has a newer format.
            CatalogLostError: the catalog does not know the tables of the warehouse.
        """
        lake = cls.open_any(settings)
        with catalog_errors():
            lake_format.look(lake)
        return lake

    @classmethod
    def open_any(cls, settings: Settings) -> "Lake":
        """Open the catalog of a lake of any format.

        Raises:
            CatalogUnavailableError: the catalog does not answer.
        """
        load = _shared if settings.catalog == "postgres" else _made
        with catalog_errors(str(settings.home)):
            embedded.make_home(settings)
            catalog = load(settings.catalog_name, **catalog_properties(settings))
            catalog._delete_old_metadata = delete_let_go  # type: ignore[method-assign]
            if settings.catalog == "embedded":
                embedded.share(catalog, settings.home.absolute() / embedded.FILE)
            elif settings.catalog == "postgres":  # The database may have been lost since.
                catalog.create_tables()  # type: ignore[attr-defined]
        return cls(settings, Registry.load(settings.sql_dir), catalog)

    def table(self, dataset: str) -> "Table":
        """Load a dataset's table as it is now; log a warning where the table lies outside the warehouse.

        Raises:
            UnknownDatasetError: no contract declares the dataset.
            ContractError: its contract cannot be used.
            MissingTableError: the dataset has no table yet.
        """
        self.registry.get(dataset)
        return self.stored(dataset)

    def stored(self, dataset: str) -> "Table":
        """Load a table as `table` does, whatever its contract says: for references, which need no contract."""
        from pyiceberg.exceptions import NoSuchTableError

        try:
            with catalog_errors():
                table = self.catalog.load_table(dataset)
        except NoSuchTableError as error:
            raise MissingTableError(
                f"{dataset} has no table in this lake yet.",
                next_step="Land events with `matinee ingest`, then `matinee run` the inputs and the dataset.",
                facts={"dataset": dataset, "home": self.settings.home},
            ) from error
        warn_of_foreign(table)
        return table

    def one_look(self) -> "OneLook":
        """Return a view of the lake that loads each table once, on first use."""
        return OneLook(self.settings, self.registry, self.catalog)

    def reloaded(self) -> "Lake":
        """Return the lake that loads a table at each call, and so shows later commits."""
        return self

    def exists(self, dataset: str) -> bool:
        """Whether the dataset has a table."""
        # PyIceberg's own check loads the table's metadata, with every snapshot.
        return tuple(dataset.split(".")) in self.listed(dataset.rpartition(".")[0])

    def listed(self, namespace: str) -> list[tuple[str, ...]]:
        """Return the names of a namespace's tables; none where the namespace does not exist."""
        from pyiceberg.exceptions import NoSuchNamespaceError

        with catalog_errors(), suppress(NoSuchNamespaceError):
            return self.catalog.list_tables(namespace)
        return []

    def ensure(self, dataset: str) -> "Table":
        """Load the dataset's table and evolve it to its contract; make a missing table, with an empty first snapshot.

        Raises:
            ContractError: the contract asks for a change that cannot be applied safely.
            ForeignTableError: the table lies outside the warehouse; callers are about to change it.
            LakeFormatError: the lake has an older format; callers are about to change it.
            RetiredError: the dataset's table was dropped for good.
        """
        from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError

        lake_format.refuse_older(self.catalog)
        contract = self.registry.get(dataset)
        if not self.exists(dataset):
            refuse_retired(self, dataset)
            if dataset != lake_format.LAKE:
                lake_format.begin(self)
            # Where another process is first, what follows is the same for both.
            with suppress(CommitFailedException, TableAlreadyExistsError):
                self._create(contract)
        table = self.table(dataset)
        refuse_foreign(table)
        evolve.apply(contract, table)
        if table.current_snapshot() is None:
            _append_nothing(table)
        return table

    def location(self, dataset: str) -> str:
        """Return the location of a dataset's table in this lake."""
        return f"{self.settings.warehouse_uri}/{dataset.replace('.', '/')}"

    def _create(self, contract: Contract) -> None:
        """Make a table and its empty first snapshot in one commit."""
        schema = iceberg_schema(contract)
        with catalog_errors(self.location(contract.dataset)):
            if not self.listed(contract.namespace):
                self.ensure_namespace(contract.namespace)
            creation = self.catalog.create_table_transaction(
                contract.dataset,
                schema,
                location=self.location(contract.dataset),
                partition_spec=partition_spec(contract, schema),
                sort_order=sort_order(contract, schema),
                properties=table_properties(contract),
            )
            with creation, creation.update_snapshot().fast_append():
                pass

    def ensure_namespace(self, name: str) -> None:
        """Make a namespace if it is missing."""
        from pyiceberg.exceptions import NamespaceAlreadyExistsError
        from sqlalchemy.exc import IntegrityError

        # PyIceberg looks, then inserts: on a new lake a second process may meet the row of the first.
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self.catalog.create_namespace_if_not_exists(name)


@dataclass(frozen=True)
class OneLook(Lake):
    """A lake that loads each table once and returns it again at later calls.

    It serves questions that belong together, and reads at pinned snapshots. After a commit to a reference, the table
    shows all references as the catalog had them at the commit. Code that depends on changes of other processes calls
    `reloaded`.
    """

    _tables: dict[str, "Table"] = field(default_factory=dict, repr=False, compare=False)
    _listed: set[tuple[str, ...]] = field(default_factory=set, repr=False, compare=False)

    def one_look(self) -> "OneLook":
        """Return this lake."""
        return self

    def reloaded(self) -> Lake:
        """Return the lake without the loaded tables."""
        return Lake(self.settings, self.registry, self.catalog)

    def exists(self, dataset: str) -> bool:
        """Whether the dataset has a table: a namespace is listed again only where it lacked the table."""
        name = tuple(dataset.split("."))
        if name not in self._listed:
            self._listed.update(self.listed(dataset.rpartition(".")[0]))
        return name in self._listed

    def stored(self, dataset: str) -> "Table":
        """Return a dataset's table as it was at the first call."""
        if dataset not in self._tables:
            self._tables[dataset] = super().stored(dataset)
        return self._tables[dataset]


def catalog_properties(settings: Settings) -> dict[str, str]:
    """Return PyIceberg's properties for the catalog that Spark reaches through `engine.options`."""
    files = {"py-io-impl": "matinee.table.file_io.FileIO"}
    if settings.s3_endpoint:  # Landing files may lie there, whatever the catalog is.
        files |= {"s3.endpoint": settings.s3_endpoint, "s3.force-virtual-addressing": "false"}
    if settings.catalog == "aws":
        properties = {**files, "type": "glue", "glue.region": settings.aws_region, "s3.region": settings.aws_region}
        if settings.glue_endpoint:
            properties["glue.endpoint"] = settings.glue_endpoint
        return properties | {"warehouse": settings.warehouse_uri}
    if settings.catalog == "postgres":
        uri = postgres.address(catalog_address(settings))
    else:
        uri = embedded.address(settings.home)
    ping = {"pool_pre_ping": "true"} if settings.catalog == "postgres" else {}
    return {**files, "uri": uri, "warehouse": settings.warehouse_uri, **ping}


def _made(name: str, **properties: str) -> "Catalog":
    """Return a catalog that has these properties and no other.

    PyIceberg's `load_catalog` adds what `PYICEBERG_CATALOG__*` and `.pyiceberg.yaml` say of a catalog of that name.
    """
    if properties.get("type") == "glue":
        from pyiceberg.catalog.glue import GlueCatalog

        return GlueCatalog(name, **properties)
    from matinee.table.catalogs.sql_catalog import SqlCatalog

    return SqlCatalog(name, **properties)


@cache
def _shared(name: str, **properties: str) -> "Catalog":
    """Return this process's catalog: each catalog has a pool of connections, and a server limits their number."""
    catalog = _made(name, **properties)
    # A forked process leaves its parent's connections alone and opens its own.
    os.register_at_fork(after_in_child=partial(catalog.engine.dispose, close=False))  # type: ignore[attr-defined]
    return catalog


@contextmanager
def catalog_errors(at: str = "") -> Iterator[None]:
    """Turn errors of the catalog's and its storage's drivers into Matinee's; `at` names what is written.

    Raises:
        EnvironmentNotReadyError: the disk is read-only or another user's.
        CatalogUnavailableError: the catalog's database or service, or its storage, cannot be reached or is full.
        CatalogRefusedError: the catalog or its storage gives no right, or has no such database or bucket.
        CatalogLostError: the file of an embedded catalog is damaged.
        CommitConflictError: the service works on another commit to the same table.
    """
    try:
        yield
    except Exception as error:
        ours = of_drivers(error, at)
        if isinstance(ours, CatalogRefusedError):
            read_again()
        if ours:
            raise ours from error
        raise


def _append_nothing(table: "Table") -> None:
    # Iceberg cannot branch from a table that has no snapshot; earlier versions made tables without one.
    from pyiceberg.exceptions import CommitFailedException

    try:
        with table.transaction() as transaction, transaction.update_snapshot().fast_append():
            pass
    except CommitFailedException:
        if table.refresh().current_snapshot() is None:
            raise


def summary_of(table: "Table", snapshot_id: int) -> Mapping[str, str]:
    """Return the summary properties of a snapshot, without its operation; empty where the snapshot is gone."""
    snapshot = table.snapshot_by_id(snapshot_id)
    if snapshot is None or snapshot.summary is None:
        return {}
    return dict(snapshot.summary.additional_properties)
