"""A contract as an Iceberg table: schema, partitioning, sort order and properties, and the same as Spark SQL."""

from typing import TYPE_CHECKING

from matinee.contracts.column_types import within
from matinee.contracts.model import Column, Contract
from matinee.errors import UsageError

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.types import IcebergType, NestedField

#: Spark's name of each type that holds no other.
_SPARK_TYPES = {
    "string": "string",
    "int": "int",
    "long": "bigint",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamptz": "timestamp",
}
#: How every engine writes Parquet here: see deploy/decisions/004.
COMPRESSION_LEVEL = 1
DICTIONARY_BYTES = 128 * 2**10
#: The table properties that hold the number of buckets and the column that is hashed, as the table was made. A
#: publication records the number of buckets of its days; the property is the number of earlier publications.
BUCKETS, BUCKETS_OF = "matinee.profile-buckets", "matinee.buckets-of"
#: The number of buckets of a live table while its days are derived again in another number.
IN_PART = "0"
_SPARK_TRANSFORMS = {"identity": "{}", "day": "days({})"}
_FIRST_PARTITION_ID = 1000


def spark_type(column: Column) -> str:
    """Return Spark's name of a column's type."""
    return spark_type_of(iceberg_type(column))


def spark_type_of(kind: "IcebergType") -> str:
    """Return Spark's name of a type of PyIceberg."""
    from pyiceberg.types import ListType, StructType

    if isinstance(kind, ListType):
        return f"array<{spark_type_of(kind.element_type)}>"
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name}:{spark_type_of(field.field_type)}' for field in kind.fields)}>"
    return _SPARK_TYPES[str(kind)]


def iceberg_type(column: Column) -> "IcebergType":
    """Return PyIceberg's type for a column; what is within it has no field ids of its own yet."""
    from pyiceberg import types

    if column.items:
        return types.ListType(0, iceberg_type(column.items), element_required=column.items.required)
    if column.fields:
        return types.StructType(*(_iceberg_field(0, field) for field in column.fields))
    known: dict[str, IcebergType] = {
        "string": types.StringType(),
        "int": types.IntegerType(),
        "long": types.LongType(),
        "double": types.DoubleType(),
        "boolean": types.BooleanType(),
        "date": types.DateType(),
        "timestamptz": types.TimestamptzType(),
    }
    return known[column.type]


def iceberg_schema(contract: Contract) -> "Schema":
    """Return the table's schema; field ids count from 1 in the contract's order, then go on within them.

    Catalogs give a new table these ids. The primary key does not become Iceberg's identifier: that would promise
    uniqueness across days.
    """
    from pyiceberg.schema import Schema, assign_fresh_schema_ids

    fields = (_iceberg_field(number, column) for number, column in enumerate(contract.columns, start=1))
    return assign_fresh_schema_ids(Schema(*fields))


def _iceberg_field(field_id: int, column: Column) -> "NestedField":
    from pyiceberg.types import NestedField

    return NestedField(field_id, column.name, iceberg_type(column), required=column.required, doc=column.doc)


def partition_spec(contract: Contract, schema: "Schema") -> "PartitionSpec":
    """Return the table's partitioning, with the field names that Spark would give."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import DayTransform, IdentityTransform

    return PartitionSpec(*(
        PartitionField(
            source_id=schema.find_field(field.column).field_id,
            field_id=_FIRST_PARTITION_ID + position,
            transform=DayTransform() if field.transform == "day" else IdentityTransform(),
            name=f"{field.column}_day" if field.transform == "day" else field.column,
        )
        for position, field in enumerate(contract.partitions)
    ))  # fmt: skip


def sort_order(contract: Contract, schema: "Schema") -> "SortOrder":
    """Return the order of rows within a file: ascending, nulls first; unsorted where the contract states none.

    Rows that Sail stages or a stream appends have this order only once a compaction has rewritten them.
    """
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    if not contract.sort_order:
        return UNSORTED_SORT_ORDER
    return SortOrder(*(
        SortField(source_id=schema.find_field(name).field_id, transform=IdentityTransform())
        for name in contract.sort_order
    ))  # fmt: skip


def table_properties(contract: Contract) -> dict[str, str]:
    """Return the table's properties: every change rewrites files, so that readers never merge deletes.

    Only a live table is merged when it is read: a micro-batch changes a few rows of each of its files.
    """
    mode = "merge-on-read" if contract.is_live else "copy-on-write"
    modes = dict.fromkeys(("write.delete.mode", "write.update.mode", "write.merge.mode"), mode)
    if contract.is_live:
        # Each delete file then belongs to one data file, and is not read any more once that file is compacted.
        modes["write.delete.granularity"] = "file"
    # Registers get many small commits, each with a metadata file.
    versions = "20" if contract.kind == "register" else "100"
    cells = contract.cells
    buckets = {BUCKETS: str(cells.buckets), BUCKETS_OF: cells.of} if cells.column else {}
    return {
        "format-version": "2",
        "comment": contract.description,
        "write.parquet.compression-codec": "zstd",
        "write.parquet.compression-level": str(COMPRESSION_LEVEL),
        "write.parquet.dict-size-bytes": str(DICTIONARY_BYTES),
        # Rows of one partition meet in one task: one file a cell instead of one a cell and task.
        "write.distribution-mode": "hash",
        # Runs of other keys commit to other branches of the same table all the time: losing that race is no conflict.
        "commit.retry.num-retries": "20",
        "commit.retry.max-wait-ms": "2000",
        "commit.manifest-merge.enabled": "true",
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": versions,
        **modes,
        **buckets,
    }


def create_statement(contract: Contract, catalog_name: str) -> str:
    """Return the Spark SQL that would create the table, for reading; tables are created with PyIceberg.

    Raises:
        UsageError: the catalog's name is not an identifier.
    """
    if not catalog_name.isidentifier() or not catalog_name.isascii():
        raise UsageError(
            f"'{catalog_name}' cannot name a catalog.",
            next_step="Use letters, digits and _, a letter first.",
            facts={"catalog": catalog_name},
        )
    columns = ",\n".join(f"  {_column(column)}" for column in contract.columns)
    fields = ", ".join(_SPARK_TRANSFORMS[field.transform].format(f"`{field.column}`") for field in contract.partitions)
    properties = {name: value for name, value in table_properties(contract).items() if name != "comment"}
    lines = [
        f"CREATE TABLE `{catalog_name}`.`{contract.namespace}`.`{contract.name}` (\n{columns}\n)",
        "USING iceberg",
        *([f"PARTITIONED BY ({fields})"] if fields else []),
        f"COMMENT {_text(contract.description)}",
        "TBLPROPERTIES (\n" + ",\n".join(f"  {_text(k)} = {_text(v)}" for k, v in properties.items()) + "\n)",
    ]
    return "\n".join(lines)


def _column(column: Column) -> str:
    required = " NOT NULL" if column.required else ""
    kind = spark_type(column) if within(column) else spark_type(column).upper()
    return f"`{column.name}` {kind}{required} COMMENT {_text(column.doc)}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
