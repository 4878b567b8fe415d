"""Contract files to `Contract` values, fast: the shape that the rest of the code relies on is checked, no more.

Command line and DAG parsing load every contract, so neither the standard's JSON schema nor its model is consulted
here; `matinee.contracts.validate` does that.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, cast, get_args

from matinee.contracts.column_types import COLUMN_TYPES, ITEM
from matinee.contracts.document import Misplaced, Piece, line_of, read
from matinee.contracts.model import Cells, Column, Contract, InputSpec, Kind, PartitionField
from matinee.contracts.service_levels import length, service_levels, volume
from matinee.days import parse_day, parse_duration
from matinee.errors import ContractError, UsageError

FILE_NAME = "contract.odcs.yaml"
DATASET_PROPERTIES = frozenset({
    "kind", "source", "dag", "audited", "dayColumn", "sortOrder", "cells", "inputs", "transform", "audits",
    "touches", "parameters", "earliestEvent", "retainPublications", "keep", "live",
    *("segment", "location", "measures"),
})  # fmt: skip
#: What columns can be to a system that reads them.
NAMED = ("segment", "location", "measures")
COLUMN_PROPERTIES = frozenset({"previousName", "partitionTransform", "millisecondsOf", "belowMinimum"})

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DATASET = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ENUM_VALUE = re.compile(r"[A-Za-z0-9_.:-]+")
_DAY = timedelta(days=1)


class _Within(TypedDict, total=False):
    items: Column
    fields: tuple[Column, ...]


def load(file: Path) -> Contract:
    """Return the contract in `file`.

    Raises:
        ContractError: it cannot be read, or lacks what a dataset needs; the error names file, line and reason.
    """
    try:
        if file.is_fifo():
            raise OSError("it is a pipe")
        return _parsed(file.read_text(encoding="utf-8"), file.parent)
    except (Misplaced, OSError, UnicodeDecodeError) as error:
        line = line_of(file, error.place) if isinstance(error, Misplaced) else 1
        reason = describe(error) if isinstance(error, Misplaced) else str(error)
        raise ContractError(
            f"{file}:{line}: {reason}.",
            next_step=f"Correct it; `matinee contract check {file}` shows everything that is wrong with it.",
            facts={"file": file, "line": line, "reason": reason},
        ) from error


@lru_cache(maxsize=1024)
def _parsed(text: str, folder: Path) -> Contract:
    # A process reads the contracts each time that it opens the lake: most of them are as they were.
    return parse(read(text), folder)


def parse(root: Piece, folder: Path) -> Contract:
    """Return the contract that the document declares.

    Raises:
        Misplaced: a piece is missing or not usable.
    """
    table = _only(root.get("schema"))
    properties = list(table.get("properties").items())
    custom = _custom(root, DATASET_PROPERTIES)
    levels = service_levels(root)
    columns = tuple(_column(piece) for piece in properties)
    kind, stated = _kind(custom), custom.get("parameters")
    files, topic = _source(custom["source"]) if "source" in custom else (kind in {"event", "dimension"}, None)
    return Contract(
        dataset=_matching(root.get("id"), _DATASET, "a dataset's name: namespace.name in small letters, digits and _"),
        version=root.get("version").text(),
        description=" ".join(root.get("description").get("purpose").text().split()),
        owner=root.get("team").get("name").text(),
        kind=kind,
        files=files,
        topic=topic,
        dag=_name(custom["dag"]) if "dag" in custom else None,
        audited=custom["audited"].flag() if "audited" in custom else True,
        columns=columns,
        partitions=_partitions(properties),
        sort_order=_names(custom.get("sortOrder")),
        day_column=_name(custom["dayColumn"]) if "dayColumn" in custom else None,
        key_columns=_positioned(properties, "primaryKey", "primaryKeyPosition"),
        cells=_cells(custom["cells"]) if "cells" in custom else Cells(),
        inputs=tuple(_input(piece) for piece in custom["inputs"].items()) if "inputs" in custom else (),
        transform=custom["transform"].text() if "transform" in custom else None,
        audits=_names(custom.get("audits")),
        touches=custom["touches"].text() if "touches" in custom else "0d",
        parameters={name: piece.text() for name, piece in stated.entries()} if stated else {},
        completeness_share=float(levels["completeness"].get("value").number()) if "completeness" in levels else 0.95,
        freshness=length(levels["freshness"]) if "freshness" in levels else timedelta.max,
        earliest_event=_day(custom["earliestEvent"]) if "earliestEvent" in custom else date(2000, 1, 1),
        retain_publications=custom["retainPublications"].whole() if "retainPublications" in custom else 3,
        retain=length(levels["retention"]) if "retention" in levels else timedelta(days=14),
        keep=_keep(custom["keep"]) if "keep" in custom else None,
        volume=volume(table),
        named={word: _names(custom[word]) for word in NAMED if word in custom},
        has_live=custom["live"].flag() if "live" in custom else False,
        folder=folder,
    )


def describe(error: Misplaced) -> str:
    """Return the reason of an error with the name of its piece."""
    names = [str(step) for step in error.place if isinstance(step, str) and step not in {"value", "line"}]
    return f"{names[-1]}: {error.reason}" if names else error.reason


def _only(schema: Piece) -> Piece:
    tables = list(schema.items())
    if len(tables) != 1:
        raise Misplaced(schema.place, f"must declare exactly one table, not {len(tables)}")
    return tables[0]


def _column(piece: Piece) -> Column:
    kind = _type(piece)
    options = piece.find("logicalTypeOptions")
    limits = {name: options.find(name) if options else None for name in ("minimum", "maximum")}
    custom = _custom(piece, COLUMN_PROPERTIES)
    values = piece.find("enum")
    return Column(
        name=_name(piece.get("name")),
        type=kind,
        required=_flag(piece, "required"),
        doc=" ".join(piece.get("description").text().split()),
        unique=_flag(piece, "unique"),
        primary_key=_flag(piece, "primaryKey"),
        minimum=limits["minimum"].number() if limits["minimum"] else None,
        maximum=limits["maximum"].number() if limits["maximum"] else None,
        enum=tuple(_enum_value(value) for value in values.items()) if values else (),
        previous_name=_name(custom["previousName"]) if "previousName" in custom else None,
        milliseconds_of=_name(custom["millisecondsOf"]) if "millisecondsOf" in custom else None,
        below_minimum=_name(custom["belowMinimum"]) if "belowMinimum" in custom else "",
        **_within(piece, kind),
    )


def _within(piece: Piece, kind: str) -> _Within:
    """Return what is within a column of a type: the items of a list, the fields of a struct."""
    if kind == "list":
        return {"items": _inner(piece.get("items"), ITEM)}
    if kind != "struct":
        return {}
    fields = tuple(_inner(field, _name(field.get("name"))) for field in piece.get("properties").items())
    if not fields:
        raise Misplaced(piece.place, "a struct has properties")
    return {"fields": fields}


def _inner(piece: Piece, name: str) -> Column:
    doc, kind = piece.find("description"), _type(piece)
    text = " ".join(doc.text().split()) if doc else ""
    return Column(name, kind, _flag(piece, "required"), text, **_within(piece, kind))


def _type(piece: Piece) -> str:
    kind = piece.get("physicalType")
    if kind.value not in COLUMN_TYPES:
        raise Misplaced(kind.place, f"{kind.value!r} is not one of {', '.join(COLUMN_TYPES)}")
    return kind.text()


def _kind(custom: Mapping[str, Piece]) -> Kind:
    """Return what a dataset is; if it does not say, it is derived where it has a transform, else landed events."""
    if "kind" not in custom:
        return "derived" if "transform" in custom else "event"
    stated = custom["kind"].text()
    if stated not in get_args(Kind) or stated == "live":
        raise Misplaced(custom["kind"].place, f"kind {stated!r} is not one of event, derived, dimension, register")
    return cast("Kind", stated)


def _source(piece: Piece) -> tuple[bool, str | None]:
    """Return whether files bring the rows, and the topic that brings rows."""
    for name, stated in piece.entries():
        if name not in {"files", "topic"}:
            raise Misplaced(stated.place, "a source has files and topic only")
    topic, wanted = piece.find("topic"), "a topic's name: letters, digits and . _ -"
    return _flag(piece, "files"), _matching(topic, _TOPIC, wanted) if topic else None


def _cells(piece: Piece) -> Cells:
    return Cells(_name(piece.get("column")), _name(piece.get("of")), piece.get("buckets").whole())


def _partitions(properties: list[Piece]) -> tuple[PartitionField, ...]:
    pieces = {piece.get("name").text(): piece for piece in properties}
    return tuple(
        PartitionField(name, _transform(pieces[name]))
        for name in _positioned(properties, "partitioned", "partitionKeyPosition")
    )


def _transform(piece: Piece) -> str:
    stated = _custom(piece, COLUMN_PROPERTIES).get("partitionTransform")
    if stated is not None and stated.value not in {"identity", "day"}:
        raise Misplaced(stated.place, f"{stated.value!r} is neither identity nor day")
    return stated.text() if stated else "identity"


def _positioned(properties: list[Piece], flag: str, position: str) -> tuple[str, ...]:
    # The standard lets a single member go without a position: it is then the first.
    chosen = [piece for piece in properties if _flag(piece, flag)]
    places: dict[int, str] = {}
    for piece in chosen:
        stated = piece.find(position)
        if stated is None and len(chosen) > 1:
            raise Misplaced(piece.place, f"'{position}' is missing")
        places[stated.whole() if stated else 1] = _name(piece.get("name"))
    if sorted(places) != list(range(1, len(chosen) + 1)):
        raise Misplaced(chosen[-1].place, f"the values of {position} must be 1 to {len(chosen)}, each once")
    return tuple(places[place] for place in sorted(places))


def _input(piece: Piece) -> InputSpec:
    options = {name: piece.find(name) for name in ("lookback", "lookahead", "optional", "waits_for")}
    lookback, lookahead, optional, waits_for = options.values()
    for name, _ in piece.entries():
        if name not in {"dataset", "alias", *options}:
            raise Misplaced((*piece.place, name), f"an input has dataset, alias, {', '.join(options)} only")
    if waits_for and waits_for.text() not in {"valid", "mature"}:
        raise Misplaced(waits_for.place, "waits_for is valid or mature")
    return InputSpec(
        dataset=_matching(piece.get("dataset"), _DATASET, "a dataset's name"),
        alias=_name(piece.get("alias")),
        lookback=lookback.text() if lookback else "0d",
        lookahead=lookahead.text() if lookahead else "0d",
        optional=optional.flag() if optional else False,
        waits_for="mature" if waits_for and waits_for.text() == "mature" else "valid",
    )


def _custom(piece: Piece, known: frozenset[str]) -> Mapping[str, Piece]:
    stated = piece.find("customProperties")
    properties: dict[str, Piece] = {}
    for entry in stated.items() if stated else ():
        name = entry.get("property")
        if name.value not in known:
            raise Misplaced(name.place, f"{name.value!r} is not a custom property of ours: {', '.join(sorted(known))}")
        if name.text() in properties:
            raise Misplaced(name.place, f"{name.value!r} is declared twice")
        properties[name.text()] = entry.get("value")
    return properties


def _day(piece: Piece) -> date:
    try:
        return parse_day(piece.text())
    except UsageError as error:
        raise Misplaced(piece.place, "must be a day as 'YYYY-MM-DD', quoted") from error


def _keep(piece: Piece) -> timedelta:
    try:
        length = parse_duration(piece.text())
    except UsageError as error:
        raise Misplaced(piece.place, "must be a duration such as 400d") from error
    if length < _DAY or length % _DAY:
        raise Misplaced(piece.place, "must be whole days, at least one: days are dropped whole")
    return length


def _names(stated: Piece | None) -> tuple[str, ...]:
    return tuple(_name(piece) for piece in stated.items()) if stated else ()


def _enum_value(piece: Piece) -> str:
    return _matching(piece.get("value"), _ENUM_VALUE, "made of letters, digits and _ . : -")


def _flag(piece: Piece, key: str) -> bool:
    stated = piece.find(key)
    return stated.flag() if stated else False


def _name(piece: Piece) -> str:
    # Names go into SQL text: this is where they become safe.
    return _matching(piece, _NAME, "a name: small letters, digits and _, a letter first")


def _matching(piece: Piece, pattern: re.Pattern[str], wanted: str) -> str:
    if not isinstance(piece.value, str) or not pattern.fullmatch(piece.value):
        raise Misplaced(piece.place, f"{piece.value!r} is not {wanted}")
    return piece.value
