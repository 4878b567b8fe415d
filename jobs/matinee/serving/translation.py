"""Keys and versions as messages of the service, and back."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from matinee.days import parse_day
from matinee.errors import UsageError
from matinee.serving.keys import Key
from matinee.serving.messages import message
from matinee.serving.model import Manifest
from matinee.serving.values import Field, Value

#: The field of a part of a key, by the type of its column.
_FIELDS = {"string": "text", "int": "number", "long": "number", "boolean": "flag", "date": "day", "timestamptz": "time"}
_TYPE_URL = "type.googleapis.com/"


def key_message(values: Iterable[object]) -> Any:  # noqa: ANN401 - a class that is made at run time
    """Return the message of the values of a key.

    Raises:
        UsageError: a value is of a type that no key has, or a number has more than 64 bits.
    """
    told = message("Key")()
    for value in values:
        part = told.parts.add()
        try:
            match value:
                case bool():
                    part.flag = value
                case int():
                    part.number = value
                case str():
                    part.text = value
                case datetime():
                    part.time.FromDatetime(value.astimezone(UTC))
                case date():
                    part.day = value.isoformat()
                case _:
                    raise TypeError
        except (TypeError, ValueError, UnicodeEncodeError) as error:
            raise UsageError(
                f"{value!r} is no value of a key.", next_step="Give a text, a whole number, a day, a time or a bool."
            ) from error
    return told


def key_values(key: Key, told: Any) -> list[object]:  # noqa: ANN401 - a class that is made at run time
    """Return the values of a message of a key.

    Raises:
        UsageError: a part is of another type than its column, or there are more parts than columns.
    """
    if len(told.parts) > len(key.names):
        key.encode(list(told.parts))
    values: list[object] = []
    for name, kind, part in zip(key.names, key.types, told.parts, strict=False):
        field = part.WhichOneof("value")
        if field != _FIELDS[kind]:
            raise UsageError(
                f"The key's column {name} is a {kind}, and its part has {field or 'no value'}.",
                next_step=f"Give it as `{_FIELDS[kind]}`.",
                facts={"column": name, "type": kind},
            )
        value = getattr(part, field)
        if kind == "timestamptz":
            value = value.ToDatetime(tzinfo=UTC)
        values.append(parse_day(value) if kind == "date" else value)
    return values


def version_message(manifest: Manifest, withdrawn: str) -> Any:  # noqa: ANN401 - a class that is made at run time
    """Return the message that says what answers are read from."""
    source = manifest.plan.source
    told = message("Version")(
        version=manifest.version, snapshot_id=source.snapshot_id, key=source.key.isoformat(), withdrawn=withdrawn
    )
    if source.vtts is not None:
        told.vtts.FromDatetime(source.vtts)
    return told


def put_value(told: Any, value: Value, content: bytes) -> None:  # noqa: ANN401 - a message
    """Put a value into a message that names the type of the value."""
    told.type_url, told.value = _TYPE_URL + value.full_name, content


def columns_message(fields: Sequence[Field]) -> list[Any]:
    """Return fields as messages."""
    column = message("Column")
    return [
        column(
            name=field.name,
            type=field.kind,
            number=field.number,
            required=field.required,
            fields=columns_message(field.fields),
        )
        for field in fields
    ]


def fields_of_message(columns: Iterable[Any]) -> tuple[Field, ...]:
    """Read what `columns_message` returned."""
    return tuple(
        Field(column.number, column.name, column.type, column.required, fields_of_message(column.fields))
        for column in columns
    )
