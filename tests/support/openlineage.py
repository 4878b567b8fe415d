"""What the standard OpenLineage demands of an event, as a JSON schema in our own words (specification 2-0-2).

Where `MATINEE_OPENLINEAGE_SPEC` names the folder `spec/` of a checkout of OpenLineage, those schemas judge, too:
that of events, and for each facet the schema that its `_schemaURL` names.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.validators import Draft202012Validator
from referencing import Registry, Resource

_URI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
_FACET: dict[str, Any] = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {"_producer": _URI, "_schemaURL": {"type": "string", "pattern": "^https://openlineage.io/spec/"}},
}


def _facet(required: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [_FACET, {"type": "object", "required": [*required], "properties": required}]}


def _facets(**known: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": known, "additionalProperties": False}


_TEXT, _COUNT = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}
_ASSERTION = {
    "type": "object",
    "required": ["assertion", "success"],
    "properties": {"assertion": _TEXT, "success": {"type": "boolean"}, "severity": {"enum": ["error", "warn"]}},
}
_DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": _TEXT,
        "name": _TEXT,
        "facets": _facets(version=_facet({"datasetVersion": _TEXT})),
        "inputFacets": _facets(
            dataQualityAssertions=_facet({"assertions": {"type": "array", "items": _ASSERTION, "minItems": 1}})
        ),
        "outputFacets": _facets(outputStatistics=_facet({"rowCount": _COUNT})),
    },
}
_RUN = {
    "type": "object",
    "required": ["runId"],
    "properties": {
        "runId": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "facets": _facets(
            nominalTime=_facet({"nominalStartTime": _TIME}),
            errorMessage=_facet({"message": _TEXT, "programmingLanguage": _TEXT}),
            tags=_facet({"tags": {"type": "array"}}),  # Of the client.
        ),
    },
}
#: What the client adds.
_SOURCE = _facet({"type": _TEXT, "url": _TEXT})
_JOB = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": _TEXT,
        "name": _TEXT,
        "facets": _facets(
            jobType=_facet({"processingType": {"enum": ["BATCH", "STREAMING"]}, "integration": _TEXT}),
            sourceCodeLocation=_SOURCE,
        ),
    },
}
RUN_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": _TIME,
        "producer": _URI,
        "schemaURL": {"type": "string", "pattern": "^https://openlineage.io/spec/.*RunEvent$"},
        "run": _RUN,
        "job": _JOB,
        "inputs": {"type": "array", "items": _DATASET},
        "outputs": {"type": "array", "items": _DATASET},
    },
    "additionalProperties": False,
}


def check(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event that is as the standard demands."""
    jsonschema.validate(event, RUN_EVENT)
    if folder := os.environ.get("MATINEE_OPENLINEAGE_SPEC"):
        for body, schema in ((event, event["schemaURL"]), *_facets_in(event)):
            Draft202012Validator({"$ref": _published_name(schema)}, registry=_published(folder)).validate(body)
    return event


def _facets_in(part: object) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each facet with the address of its schema."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for each in inner:
        if isinstance(each, dict) and "_schemaURL" in each:
            yield each, each["_schemaURL"]
        yield from _facets_in(each)


def _published_name(address: str) -> str:
    """Return the address of a schema without its version: a checkout has one version of each."""
    parts = [part for part in address.split("/") if not part[:1].isdigit()]
    return "/".join(parts)


@cache
def _published(folder: str) -> Registry[Any]:
    registry: Registry[Any] = Registry()
    for file in Path(folder).rglob("*.json"):
        text = json.loads(file.read_text(), object_hook=_without_versions)
        if "$id" in text:
            registry = registry.with_resource(text["$id"], Resource.from_contents(text))
    return registry


def _without_versions(part: dict[str, Any]) -> dict[str, Any]:
    named = {name: _published_name(part[name]) for name in ("$id", "$ref") if isinstance(part.get(name), str)}
    return part | named
