"""Words of the standard that say nothing here: what is neither read nor plain documentation is refused.

A contract that states a rule which nobody checks would promise too much.
"""

from collections.abc import Iterator

from matinee.contracts.document import Piece
from matinee.contracts.subject import Finding, Subject

_NOTES = frozenset({"id", "name", "description", "tags", "authoritativeDefinitions"})
_MEANING = _NOTES | {"businessName", "deprecated", "synonyms", "physicalType", "logicalType", "context"}
_ROOT = _NOTES | {
    "version", "kind", "apiVersion", "tenant", "status", "dataProduct", "domain", "context", "schema", "support",
    "price", "team", "roles", "servers", "slaDefaultElement", "slaProperties", "customProperties", "contractCreatedTs",
}  # fmt: skip
_TABLE = _MEANING | {"physicalName", "dataGranularityDescription", "properties", "quality"}
_COLUMN = _MEANING | {
    "primaryKey", "primaryKeyPosition", "logicalTypeOptions", "required", "unique", "semanticType", "partitioned",
    "partitionKeyPosition", "classification", "transformDescription", "transformLogic", "transformSourceObjects",
    "encryptedName", "examples", "enum", "criticalDataElement", "customProperties",
}  # fmt: skip
_INNER = {"list": "items", "struct": "properties"}
_OPTIONS = frozenset({"minimum", "maximum"})
_QUALITY = _NOTES | {"type", "metric", "mustBeBetween", "dimension", "businessImpact"}
#: What is true of every check of a day's volume.
_VOLUME = {"severity": "warning", "unit": "rows"}
_LEVEL = _NOTES | {"property", "value", "unit", "driver", "scheduler", "schedule"}


def unread(subject: Subject) -> Iterator[Finding]:
    """Yield the place of each word that nothing reads."""
    table, levels = subject.table(), subject.root.find("slaProperties")
    yield from _others(subject.root, _ROOT)
    yield from _others(table, _TABLE)
    for column, piece in zip(subject.contract.columns, table.get("properties").items(), strict=True):
        yield from _others(piece, _COLUMN | {_INNER.get(column.type, "")})
        yield from _others(piece.find("logicalTypeOptions"), _OPTIONS)
    yield from _each(table.find("quality"), _QUALITY | {*_VOLUME})
    for rule in stated.items() if (stated := table.find("quality")) else ():
        for word, only in _VOLUME.items():
            said = rule.find(word)
            if said and said.value != only:
                yield said.place, f"{word} is {only} for the volume of a day, not {said.value}"
    yield from _each(levels, _LEVEL)


def _each(stated: Piece | None, known: frozenset[str]) -> Iterator[Finding]:
    for entry in stated.items() if stated else ():
        yield from _others(entry, known)


def _others(piece: Piece | None, known: frozenset[str]) -> Iterator[Finding]:
    for word, said in piece.entries() if piece else ():
        if word not in known:
            yield said.place, f"{word} is not checked, nor is anything derived from it: write an audit, or take it out"
