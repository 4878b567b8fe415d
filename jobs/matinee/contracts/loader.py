"""Contract files to `Contract` values, fast: the shape that the rest of the code relies on is checked, no more.

Command line and DAG parsing load every contract, so neither the standard's JSON schema nor its model is consulted
here; `matinee.contracts.validate` does that.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypedDict, cast, get_args

from matinee.contracts.cadence import CADENCES, Cadence
from matinee.contracts.column_types import COLUMN_TYPES, ITEM
from matinee.contracts.document import Misplaced, Piece, line_of, read
from matinee.contracts.model import Cells, Column, Contract, InputSpec, Kind, PartitionField
from matinee.contracts.pieces import custom_of, flag_of, matching, name_of, names_of, word_of
from matinee.contracts.service_levels import length, service_levels, volume
from matinee.days import parse_day, parse_duration
from matinee.errors import ContractError, UsageError

FILE_NAME = "contract.odcs.yaml"
DATASET_PROPERTIES = frozenset({
    "kind", "source", "dag", "audited", "dayColumn", "sortOrder", "cells", "inputs", "transform", "audits",
    "cadence", "history", "previous", "touches", "parameters", "earliestEvent", "retainPublications", "keep", "live",
    *("segment", "location", "measures"),
})  # fmt: skip
#: What columns can be to a system that reads them.
NAMED = ("segment", "location", "measures")
COLUMN_PROPERTIES = frozenset({"previousName", "partitionTransform", "millisecondsOf", "belowMinimum"})

_DATASET = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ENUM_VALUE = re.compile(r"[A-Za-z0-9_.:-]+")
_DAY = timedelta(days=1)


class _Within(TypedDict, total=False):
    items: Column
    fields: tuple[Column, ...]


class _Keys(TypedDict):
    cadence: Cadence
    history: Literal["unbroken", "newest"]
    has_previous: bool
    touches: str


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
    custom = custom_of(root, DATASET_PROPERTIES)
    levels = service_levels(root)
    columns = tuple(_column(piece) for piece in properties)
    kind, stated = _kind(custom), custom.get("parameters")
    files, topic = _source(custom["source"]) if "source" in custom else (kind in {"event", "dimension"}, None)
    return Contract(
        dataset=matching(root.get("id"), _DATASET, "a dataset's name: namespace.name in small letters, digits and _"),
        version=root.get("version").text(),
        description=" ".join(root.get("description").get("purpose").text().split()),
        owner=root.get("team").get("name").text(),
        kind=kind,
        files=files,
        topic=topic,
        dag=name_of(custom["dag"]) if "dag" in custom else None,
        audited=custom["audited"].flag() if "audited" in custom else True,
        columns=columns,
        partitions=_partitions(properties),
        sort_order=names_of(custom.get("sortOrder")),
        day_column=name_of(custom["dayColumn"]) if "dayColumn" in custom else None,
        key_columns=_positioned(properties, "primaryKey", "primaryKeyPosition"),
        cells=_cells(custom["cells"]) if "cells" in custom else Cells(),
        inputs=tuple(_input(piece) for piece in custom["inputs"].items()) if "inputs" in custom else (),
        transform=custom["transform"].text() if "transform" in custom else None,
        audits=names_of(custom.get("audits")),
        **_keys(custom),
        parameters={name: piece.text() for name, piece in stated.entries()} if stated else {},
        completeness_share=float(levels["completeness"].get("value").number()) if "completeness" in levels else 0.95,
        freshness=length(levels["freshness"]) if "freshness" in levels else timedelta.max,
        earliest_event=_day(custom["earliestEvent"]) if "earliestEvent" in custom else date(2000, 1, 1),
        retain_publications=custom["retainPublications"].whole() if "retainPublications" in custom else 3,
        retain=length(levels["retention"]) if "retention" in levels else timedelta(days=14),
        keep=_keep(custom["keep"]) if "keep" in custom else None,
        volume=volume(table),
        named={word: names_of(custom[word]) for word in NAMED if word in custom},
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
    custom = custom_of(piece, COLUMN_PROPERTIES)
    values = piece.find("enum")
    return Column(
        name=name_of(piece.get("name")),
        type=kind,
        required=flag_of(piece, "required"),
        doc=" ".join(piece.get("description").text().split()),
        unique=flag_of(piece, "unique"),
        primary_key=flag_of(piece, "primaryKey"),
        minimum=limits["minimum"].number() if limits["minimum"] else None,
        maximum=limits["maximum"].number() if limits["maximum"] else None,
        enum=tuple(_enum_value(value) for value in values.items()) if values else (),
        previous_name=name_of(custom["previousName"]) if "previousName" in custom else None,
        milliseconds_of=name_of(custom["millisecondsOf"]) if "millisecondsOf" in custom else None,
        below_minimum=name_of(custom["belowMinimum"]) if "belowMinimum" in custom else "",
        **_within(piece, kind),
    )


def _within(piece: Piece, kind: str) -> _Within:
    """Return what is within a column of a type: the items of a list, the fields of a struct."""
    if kind == "list":
        return {"items": _inner(piece.get("items"), ITEM)}
    if kind != "struct":
        return {}
    fields = tuple(_inner(field, name_of(field.get("name"))) for field in piece.get("properties").items())
    if not fields:
        raise Misplaced(piece.place, "a struct has properties")
    return {"fields": fields}


def _inner(piece: Piece, name: str) -> Column:
    doc, kind = piece.find("description"), _type(piece)
    text = " ".join(doc.text().split()) if doc else ""
    return Column(name, kind, flag_of(piece, "required"), text, **_within(piece, kind))


def _type(piece: Piece) -> str:
    kind = piece.get("physicalType")
    if kind.value not in COLUMN_TYPES:
        raise Misplaced(kind.place, f"{kind.value!r} is not one of {', '.join(COLUMN_TYPES)}")
    return kind.text()


def _keys(custom: Mapping[str, Piece]) -> _Keys:
    """Return which days are keys, and what a key has to do with others."""
    return {
        "cadence": CADENCES[word_of(custom.get("cadence"), "daily", "weekly")],
        "history": word_of(custom.get("history"), "unbroken", "newest"),
        "has_previous": word_of(custom.get("previous"), "none", "self") == "self",
        "touches": custom["touches"].text() if "touches" in custom else "0d",
    }


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
    return flag_of(piece, "files"), matching(topic, _TOPIC, wanted) if topic else None


def _cells(piece: Piece) -> Cells:
    return Cells(name_of(piece.get("column")), name_of(piece.get("of")), piece.get("buckets").whole())


def _partitions(properties: list[Piece]) -> tuple[PartitionField, ...]:
    pieces = {piece.get("name").text(): piece for piece in properties}
    return tuple(
        PartitionField(name, _transform(pieces[name]))
        for name in _positioned(properties, "partitioned", "partitionKeyPosition")
    )


def _transform(piece: Piece) -> str:
    stated = custom_of(piece, COLUMN_PROPERTIES).get("partitionTransform")
    if stated is not None and stated.value not in {"identity", "day"}:
        raise Misplaced(stated.place, f"{stated.value!r} is neither identity nor day")
    return stated.text() if stated else "identity"


def _positioned(properties: list[Piece], flag: str, position: str) -> tuple[str, ...]:
    # The standard lets a single member go without a position: it is then the first.
    chosen = [piece for piece in properties if flag_of(piece, flag)]
    places: dict[int, str] = {}
    for piece in chosen:
        stated = piece.find(position)
        if stated is None and len(chosen) > 1:
            raise Misplaced(piece.place, f"'{position}' is missing")
        places[stated.whole() if stated else 1] = name_of(piece.get("name"))
    if sorted(places) != list(range(1, len(chosen) + 1)):
        raise Misplaced(chosen[-1].place, f"the values of {position} must be 1 to {len(chosen)}, each once")
    return tuple(places[place] for place in sorted(places))


def _input(piece: Piece) -> InputSpec:
    options = {name: piece.find(name) for name in ("lookback", "lookahead", "optional", "waits_for", "on_restated")}
    lookback, lookahead, optional, waits_for, on_restated = options.values()
    for name, _ in piece.entries():
        if name not in {"dataset", "alias", *options}:
            raise Misplaced((*piece.place, name), f"an input has dataset, alias, {', '.join(options)} only")
    return InputSpec(
        dataset=matching(piece.get("dataset"), _DATASET, "a dataset's name"),
        alias=name_of(piece.get("alias")),
        lookback=lookback.text() if lookback else "0d",
        lookahead=lookahead.text() if lookahead else "0d",
        optional=optional.flag() if optional else False,
        waits_for=word_of(waits_for, "valid", "mature"),
        on_restated=word_of(on_restated, "invalid", "outdated"),
    )


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


def _enum_value(piece: Piece) -> str:
    return matching(piece.get("value"), _ENUM_VALUE, "made of letters, digits and _ . : -")
