"""Our own rules for contracts, beyond what ODCS asks: each yields where a contract breaks it and why."""

from collections.abc import Iterator

from matinee.contracts import readers
from matinee.contracts.column_types import LOGICAL_TYPES, holds_doubles, nested_faults
from matinee.contracts.document import is_number
from matinee.contracts.edges import inputs, is_duration, resolves
from matinee.contracts.model import DEDUPLICATE, MANIFEST, RECEIVED, SOURCE_DELAY, SOURCE_REPEATS, Column, Contract
from matinee.contracts.subject import Finding, Rule, Subject
from matinee.contracts.words import unread

#: Glue refuses longer column comments, and PyIceberg passes them on uncut.
LONGEST_COMMENT = 255
_NUMERIC = frozenset({"int", "long", "double"})
_DAY_SOURCES = frozenset({"date", "timestamptz"})
#: The columns that landing fills.
_OF_LANDING = {RECEIVED: "timestamptz", "landing_seq": "long", "file": "string"}
_SERVED = ("dayColumn", "transform", "inputs")


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield place and reason of each rule that the contract breaks."""
    for rule in _RULES:
        yield from rule(subject)


def _identity(subject: Subject) -> Iterator[Finding]:
    contract, folder = subject.contract, subject.contract.folder
    if subject.root.get("apiVersion").value != "v3.2.0":
        yield ("apiVersion",), "must be v3.2.0, the version that everything is derived from"
    named = f"{folder.parent.name}.{folder.name}"
    if contract.dataset != named:
        yield ("id",), f"must be {named}, as the folders are called, not {contract.dataset}"
    for key, wanted in (("name", folder.name), ("physicalName", named)):
        stated = subject.table().find(key)
        if stated is None or stated.value != wanted:
            yield ("schema", 0, key), f"{key} of the table must be {wanted}, as the folders are called"


def _kind(subject: Subject) -> Iterator[Finding]:
    contract, place = subject.contract, subject.custom("kind")
    if contract.kind == "event" and not (_is_timed(contract) and contract.day_column):
        yield place, "landed events need an instant at which they happened, and a dayColumn; else it is a register"
    landed = (known for known in subject.others.values() if known.is_landed and contract.is_landed)
    # Files belong to the dataset whose name their own names begin with, and a pattern of names takes all of them.
    for other in (known for known in landed if known.dataset != contract.dataset):
        if contract.name.startswith(other.name):
            yield ("id",), f"its files would be taken for those of {other.dataset}, whose name its own begins with"
    if contract.is_landed and (contract.name.startswith(MANIFEST) or MANIFEST.startswith(contract.name)):
        yield ("id",), f"its files and manifests would be taken for each other: let it and {MANIFEST} not begin alike"
    if (contract.kind == "derived") != (contract.transform is not None):
        yield place, f"a transform makes what is derived, and nothing else; this is {contract.kind}"


def _landed(subject: Subject) -> Iterator[Finding]:
    contract, place = subject.contract, subject.custom("kind")
    columns = {column.name: (column.type, column.required) for column in contract.columns}
    for name, kind in _OF_LANDING.items() if contract.is_landed else ():
        if columns.get(name) != (kind, True):
            yield place, f"landing fills {name}: landed rows need a required column of type {kind}"
    if contract.kind == "dimension" and not (contract.day_column and contract.key_columns):
        yield place, "a dimension needs a primary key, and a dayColumn: the day on which a snapshot was received"
    if contract.kind == "dimension" and contract.keep is not None:
        yield subject.custom("keep"), "days of a dimension are never valid, so none of them would be dropped"
    if contract.kind == "dimension" and contract.topic:
        yield subject.custom("source"), "each file of a dimension is a whole snapshot; records of a topic are none"


def _is_timed(contract: Contract) -> bool:
    return any(column.type == "timestamptz" and column.name != RECEIVED for column in contract.columns)


def _repeats(subject: Subject) -> Iterator[Finding]:
    contract, place = subject.contract, subject.custom("transform")
    if contract.transform != DEDUPLICATE:
        return
    landed = [subject.others[spec.dataset] for spec in contract.inputs if spec.dataset in subject.others]
    if not _is_timed(contract):
        yield ("schema", 0, "properties"), "repeats are ordered by the time of their event: list its instant"
    elif landed and _is_timed(landed[0]) and contract.event_time != landed[0].event_time:
        here, there = contract.event_time, landed[0].event_time
        yield (
            subject.column(here, "name"),
            f"{here} orders repeats here, {there} is the time of the event in {landed[0].dataset}: "
            f"list {there} before other instants",
        )
    if contract.has_live and landed and landed[0].kind != "event":
        yield subject.custom("live"), f"a live table follows landed events, and {landed[0].dataset} is derived"
    if not (contract.key_columns and contract.day_column and len(contract.inputs) == 1):
        yield place, "repeats are rows of one input with the same primary key on the same day: declare all three"
    for column in contract.columns:
        if holds_doubles(column):
            yield (
                subject.column(column.name, "physicalType"),
                f"{column.name}: engines write a double differently, and the text decides between repeats; "
                "keep a whole number, such as millisecondsOf",
            )


def _columns(subject: Subject) -> Iterator[Finding]:
    names = subject.contract.column_names
    pieces = subject.table().get("properties").items()
    for position, (column, piece) in enumerate(zip(subject.contract.columns, pieces, strict=True)):
        place, logical = piece.place, piece.find("logicalType")
        if column.name in names[:position]:
            yield (*place, "name"), f"column {column.name} is declared twice"
        if logical is None or logical.value != LOGICAL_TYPES[column.type]:
            yield (*place, "logicalType"), f"a column of type {column.type} is {LOGICAL_TYPES[column.type]}"
        if len(column.doc) > LONGEST_COMMENT:
            yield (*place, "description"), f"has {len(column.doc)} characters; catalogs keep {LONGEST_COMMENT}"
        if column.previous_name in names:
            yield (*place, "customProperties"), f"previousName {column.previous_name} is a column of this table"


def _nested(subject: Subject) -> Iterator[Finding]:
    yield from nested_faults(subject.contract, subject.table().get("properties"), subject.custom("sortOrder"))


def _values(subject: Subject) -> Iterator[Finding]:
    for column in subject.contract.columns:
        for name, reason in _value_faults(column):
            yield subject.column(column.name, name), f"column {column.name}: {reason}"


def _value_faults(column: Column) -> Iterator[tuple[str, str]]:
    limits = [limit for limit in (column.minimum, column.maximum) if limit is not None]
    if limits and column.type not in _NUMERIC:
        yield "logicalTypeOptions", f"a range is for numbers, not for {column.type}"
    if len(limits) == 2 and limits[0] > limits[1]:
        yield "logicalTypeOptions", f"minimum {limits[0]} is above maximum {limits[1]}"
    if column.below_minimum and column.minimum is None:
        yield "customProperties", "belowMinimum is the reason of values below a minimum: declare the minimum"
    if column.enum and column.type != "string":
        yield "enum", f"an enumeration is for text, not for {column.type}"
    if column.primary_key and not column.required:
        yield "primaryKey", "part of the primary key, so it must be required"


def _layout(subject: Subject) -> Iterator[Finding]:
    contract = subject.contract
    types = {column.name: column.type for column in contract.columns}
    for field in contract.partitions:
        if field.transform == "day" and types[field.column] not in _DAY_SOURCES:
            yield subject.column(field.column, "customProperties"), f"column {field.column} has no day to partition by"
    for name in contract.sort_order:
        if name not in types:
            yield subject.custom("sortOrder"), f"sortOrder names {name}, which is no column"


def _named(subject: Subject) -> Iterator[Finding]:
    """Find columns that systems are to read and that are not there; what is derived may be located by an input."""
    contract = subject.contract
    types = {column.name: column.type for column in contract.columns}
    inputs = (subject.others.get(spec.dataset) for spec in contract.inputs)
    read = {name for other in inputs if other for name in other.column_names}
    for word, names in contract.named.items():
        for position, name in enumerate(names):
            if word == "location" and name in read:
                continue
            if name not in types:
                yield (*subject.custom(word), position), f"{word} names {name}, which is no column"
            elif word == "measures" and types[name] not in _NUMERIC:
                yield (*subject.custom(word), position), f"{name} is no number: {word} are added up"
            elif name in names[:position]:
                yield (*subject.custom(word), position), f"{word} names {name} twice"


def _cells(subject: Subject) -> Iterator[Finding]:
    cells, place = subject.contract.cells, subject.custom("cells")
    columns = {column.name: (column.type, column.required) for column in subject.contract.columns}
    limits = {column.name: column.maximum for column in subject.contract.columns}
    for field in subject.contract.partitions:
        if field.transform == "identity" and columns[field.column][0] == "int" and field.column != cells.column:
            yield place, f"{field.column} parts the table: declare the cells that it tells apart"
    if cells.column:
        # A row without a bucket would be in no cell.
        for name, kind in ((cells.column, "int"), (cells.of, "string")):
            if columns.get(name) != (kind, True):
                yield place, f"cells name {name}, which is no required column of type {kind}"
        if cells.buckets < 1:
            yield place, "cells must have at least 1 bucket"
        elif (last := limits.get(cells.column)) not in (None, cells.buckets - 1):
            yield (
                subject.column(cells.column, "logicalTypeOptions"),
                f"the last bucket is {cells.buckets - 1}, not {last}",
            )


def _day(subject: Subject) -> Iterator[Finding]:
    contract = subject.contract
    if contract.day_column is None:
        return
    column = next((column for column in contract.columns if column.name == contract.day_column), None)
    if column is None or column.type != "date" or not column.required:
        yield subject.custom("dayColumn"), f"dayColumn {contract.day_column} must be a required column of type date"
    elif (column.name, "identity") not in {(field.column, field.transform) for field in contract.partitions}:
        yield subject.column(column.name, "name"), f"column {column.name} holds the day: partition by it (identity)"


def _keys(subject: Subject) -> Iterator[Finding]:
    """Find keys that landed days cannot have, or that the rest of the contract contradicts."""
    contract = subject.contract
    said = {
        "cadence": contract.cadence.name != "daily",
        "history": contract.history != "unbroken",
        "previous": contract.has_previous,
    }
    for word in (word for word, stated in said.items() if stated):
        if contract.kind != "derived":
            yield subject.custom(word), f"{word} is for what is derived; this is {contract.kind}"
        if contract.has_live:
            yield subject.custom(word), f"{word} is not for a dataset with a live table, whose days follow each other"
        if contract.touches != "0d":
            yield subject.custom("touches"), f"a run publishes its key alone where {word} is stated"


def _promises(subject: Subject) -> Iterator[Finding]:
    contract = subject.contract
    if contract.audited:
        for name, stated in zip(_SERVED, (contract.day_column, contract.transform, contract.inputs), strict=True):
            if not stated:
                yield subject.custom(name), f"an audited dataset needs {name}"
        if not contract.key_columns:
            yield ("schema", 0, "properties"), "an audited dataset needs a primary key"
        if contract.freshness.days > 10_000:
            yield ("slaProperties",), "an audited dataset needs a freshness target"
    if not 0 < contract.completeness_share <= 1:
        yield ("slaProperties",), f"completeness is a share in (0, 1], not {contract.completeness_share}"
    if contract.retain_publications < 1:
        yield subject.custom("retainPublications"), "at least the newest publication of a day is kept"
    if contract.keep is not None and contract.day_column is None:
        yield subject.custom("keep"), "keep drops event days: name their dayColumn"
    if contract.transform == "transform.sql" and not (contract.folder / "transform.sql").is_file():
        yield subject.custom("transform"), "transform.sql does not stand beside the contract"


def _audits(subject: Subject) -> Iterator[Finding]:
    contract = subject.contract
    audits = [*contract.audits, *sorted(file.stem for file in contract.folder.glob("audits/*.sql"))]
    if audits and not contract.audited:
        yield subject.custom("audits"), f"this dataset is not audited: {', '.join(audits)} would never run"


def _parameters(subject: Subject) -> Iterator[Finding]:
    contract, place = subject.contract, subject.custom("parameters")
    for name, value in contract.parameters.items():
        if not is_number(value) and not is_duration(value):
            yield (*place, name), f"parameter {name} is '{value}': neither a number nor a duration such as 24h"
        least, most = value, contract.parameters.get(f"{name.removesuffix('.min')}.max", "")
        if name.endswith(".min") and is_number(least) and is_number(most) and float(least) > float(most):
            yield (*place, name), f"parameter {name} is {least}, above its maximum {most}"
    for name, reason in readers.faults(contract):
        yield subject.custom(name), reason
    if not resolves(contract, contract.touches):
        yield subject.custom("touches"), f"touches '{contract.touches}' is neither a parameter nor a duration"


def _source(subject: Subject) -> Iterator[Finding]:
    contract, place = subject.contract, subject.custom("parameters")
    if not contract.is_landed and (contract.files or contract.topic):
        yield subject.custom("source"), f"only landed rows have a source; this is {contract.kind}"
    for other in (known for known in subject.others.values() if known.dataset != contract.dataset):
        if contract.topic and contract.topic == other.topic:
            yield subject.custom("source"), f"topic {contract.topic} is that of {other.dataset}"
    delay, repeats = contract.parameters.get(SOURCE_DELAY, "0s"), contract.parameters.get(SOURCE_REPEATS, "0")
    if "stream.delay" in contract.parameters:
        yield (*place, "stream.delay"), f"stream.delay is called {SOURCE_DELAY}: files have a delay as streams have"
    if not is_duration(delay):
        yield (*place, SOURCE_DELAY), f"{SOURCE_DELAY} is '{delay}', not a duration such as 10m"
    if not is_number(repeats) or not 0 <= float(repeats) < 1:
        yield (*place, SOURCE_REPEATS), f"{SOURCE_REPEATS} is '{repeats}', not a share in [0, 1)"


_RULES: tuple[Rule, ...] = (
    *(_identity, _kind, _landed, _repeats, _columns, _nested, _values, _layout, _named, _cells, _day, _keys),
    *(_promises, _audits, _parameters, _source, inputs, unread),
)
