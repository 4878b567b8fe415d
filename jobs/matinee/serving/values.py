"""Values: the columns of a row as a protobuf message, whose descriptor is derived from the columns.

The number of a field is the id that Iceberg gave the column. The table keeps that id when the column is renamed, and
never gives it again; so old and new clients read old and new values. A field that is absent is NULL. A list is a
message of its own, so that NULL and the empty list differ; so is an item that may be NULL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from matinee.days import MICROSECOND, start_of
from matinee.serving.wire import DOUBLE, VARINT, delimited, joined, repeated, tagged, varints

if TYPE_CHECKING:
    import pyarrow as pa
    from google.protobuf.message import Message
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

_TYPE = descriptor_pb2.FieldDescriptorProto
#: The type of a field by the type of its column; a day is its text, which sorts and reads in every language.
_SCALARS = {
    "string": _TYPE.TYPE_STRING,
    "int": _TYPE.TYPE_INT64,
    "long": _TYPE.TYPE_INT64,
    "double": _TYPE.TYPE_DOUBLE,
    "boolean": _TYPE.TYPE_BOOL,
    "date": _TYPE.TYPE_STRING,
}
_INSTANT = "timestamptz"
#: The numbers of the fields of messages that the code itself makes: of a list, and of an item that may be NULL.
_ITEMS, _ITEM = 1, 1
_EPOCH = start_of(date(1970, 1, 1))


@dataclass(frozen=True)
class Field:
    """A field of a message: `kind` is a scalar column type, "struct" or "list"; `number` is the id of the column.

    `required` counts for the item of a list only. `fields` are those of a struct, or the item of a list.
    """

    number: int
    name: str
    kind: str
    required: bool = False
    fields: "tuple[Field, ...]" = ()


def fields_of(schema: "Schema", names: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields of some columns of a table's schema."""
    return tuple(_field(schema.find_field(name)) for name in names)


@dataclass(frozen=True)
class Value:
    """The message of a dataset's values."""

    dataset: str
    fields: tuple[Field, ...]

    @property
    def full_name(self) -> str:
        """The name of the message, such as `matinee.served.features.TitleDaily`."""
        namespace, _, name = self.dataset.partition(".")
        return f"matinee.served.{namespace}.{_camel(name)}"

    @cached_property
    def file(self) -> descriptor_pb2.FileDescriptorProto:
        """The descriptor of the file that declares the message."""
        package, _, name = self.full_name.rpartition(".")
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{self.full_name.replace('.', '/')}.proto",
            package=package,
            syntax="proto3",
            dependency=[timestamp_pb2.DESCRIPTOR.name],
        )
        _declare(file.message_type.add(name=name), f".{self.full_name}", self.fields)
        return file

    @cached_property
    def message(self) -> "type[Message]":
        """The class of the message."""
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(self.file.SerializeToString())
        made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(self.full_name))
        return made

    def encode_batch(self, batch: "pa.RecordBatch") -> "pa.BinaryArray":
        """Return the message of each row of a batch that has the columns of the fields."""
        return _message([(field, batch.column(field.name)) for field in self.fields], batch.num_rows)

    def decode(self, content: bytes) -> dict[str, object]:
        """Return the columns of a message: Python's values, None for NULL."""
        return _row(self.message.FromString(content), self.fields)


def _field(column: "NestedField") -> Field:
    from pyiceberg.types import ListType, StructType

    kind = column.field_type
    if isinstance(kind, ListType):
        item = _field(kind.element_field)
        return Field(column.field_id, column.name, "list", column.required, (item,))
    if isinstance(kind, StructType):
        return Field(column.field_id, column.name, "struct", column.required, tuple(map(_field, kind.fields)))
    return Field(column.field_id, column.name, str(kind), column.required)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _declare(
    message: descriptor_pb2.DescriptorProto, name: str, fields: Sequence[Field], *, many: bool = False
) -> None:
    """Declare the fields of a message of a name that begins with a dot, and the messages within it."""
    for number, field in enumerate(fields):
        added = message.field.add(name=field.name, number=field.number, label=_TYPE.LABEL_OPTIONAL)
        if field.kind in _SCALARS:
            added.type = _SCALARS[field.kind]
        else:
            added.type, added.type_name = _TYPE.TYPE_MESSAGE, _declared(message, name, field)
        if many:
            added.label = _TYPE.LABEL_REPEATED
        else:  # Each field says whether it is there: NULL is not zero.
            added.proto3_optional, added.oneof_index = True, number
            message.oneof_decl.add(name=f"_{field.name}")


def _declared(message: descriptor_pb2.DescriptorProto, name: str, field: Field) -> str:
    """Declare the message of a field that is no scalar, and return the name of the message."""
    if field.kind == _INSTANT:
        return f".{timestamp_pb2.Timestamp.DESCRIPTOR.full_name}"
    own = f"{name}.{_camel(field.name)}"
    inner = message.nested_type.add(name=_camel(field.name))
    if field.kind == "struct":
        _declare(inner, own, field.fields)
    else:
        _declare(inner, own, [_items(field.fields[0])], many=True)
    return own


def _items(item: Field) -> Field:
    """Return the repeated field that holds the items of a list: an item that may be NULL is a message with a value."""
    if _is_plain(item):
        return Field(_ITEMS, "items", item.kind, True, item.fields)
    return Field(_ITEMS, "items", "struct", True, (_wrapped(item),))


def _is_plain(item: Field) -> bool:
    return item.required and item.kind != "list"


def _wrapped(item: Field) -> Field:
    return Field(_ITEM, "value", item.kind, item.required, item.fields)


def _message(columns: Sequence[tuple[Field, "pa.Array"]], rows: int) -> "pa.BinaryArray":
    return joined([_of_column(field, column) for field, column in columns], rows)


def _of_column(field: Field, column: "pa.Array") -> "pa.BinaryArray":
    """Return what a column adds to the message of each row; a NULL adds nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    match field.kind:
        case "int" | "long" | "boolean":
            return tagged(field.number, VARINT, varints(column.cast(pa.int64())))
        case "double":
            return tagged(field.number, DOUBLE, column.view(pa.binary(8)).cast(pa.binary()))
        case "string" | "date":
            return delimited(field.number, column.cast(pa.string()).cast(pa.binary()))
        case "timestamptz":
            return delimited(field.number, _instants(column))
        case "struct":
            parts = dict(zip((inner.name for inner in column.type), column.flatten(), strict=True))
            content = _message([(inner, parts[inner.name]) for inner in field.fields], len(column))
        case _:
            item, items = field.fields[0], column.flatten()
            wrapped = delimited(_ITEMS, _of_column(_wrapped(item), items))
            content = repeated(column, _of_column(_items(item), items) if _is_plain(item) else wrapped)
    return delimited(field.number, pc.if_else(column.is_valid(), content, pa.scalar(None, pa.binary())))


def _instants(column: "pa.Array") -> "pa.BinaryArray":
    """Return messages `google.protobuf.Timestamp`: seconds (field 1), nanoseconds that follow them (field 2)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    micros = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    seconds, rest = np.divmod(micros.fill_null(0).to_numpy(), 1_000_000)
    parts = [tagged(number, VARINT, varints(pa.array(part))) for number, part in ((1, seconds), (2, rest * 1000))]
    return pc.if_else(column.is_valid(), joined(parts, len(column)), pa.scalar(None, pa.binary()))


def _row(message: Any, fields: Sequence[Field]) -> dict[str, object]:  # noqa: ANN401 - a class made at run time
    return {field.name: _value(message, field) for field in fields}


def _value(message: Any, field: Field) -> object:  # noqa: ANN401 - a class made at run time
    if not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.kind != "list":
        return _plain(value, field)
    item = field.fields[0]
    return [_plain(each, item) if _is_plain(item) else _value(each, _wrapped(item)) for each in value.items]


def _plain(value: Any, field: Field) -> object:  # noqa: ANN401 - a value of protobuf's
    match field.kind:
        case "date":
            return date.fromisoformat(value)
        case "timestamptz":
            return _EPOCH + MICROSECOND * (value.seconds * 1_000_000 + value.nanos // 1000)
        case "struct":
            return _row(value, field.fields)
        case _:
            return value
