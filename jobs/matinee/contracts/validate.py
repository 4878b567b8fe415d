"""Is a contract valid? The standard's JSON schema first, then its model, then our own rules; every fault has a line.

The order matters: the standard's model accepts an empty document, its JSON schema does not.
"""

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jsonschema import Draft201909Validator, ValidationError
from jsonschema.exceptions import best_match

from matinee.contracts.document import Misplaced, Piece, Place, line_of, read, repeated_keys
from matinee.contracts.left_out import readable, usable
from matinee.contracts.loader import FILE_NAME, describe, parse
from matinee.contracts.model import Contract
from matinee.contracts.registry import contract_files
from matinee.contracts.rules import findings
from matinee.contracts.subject import Subject

_UNEVALUATED = "unevaluatedProperties"
_STRAY = frozenset({"additionalProperties", _UNEVALUATED})


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a contract: the file, the line from 1, and what is wrong."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def check_all(sql_dir: Path) -> list[Problem]:
    """Return the problems of every contract below `sql_dir`, by file and line; rules between contracts included."""
    files = contract_files(sql_dir)
    if not files:
        return [Problem(sql_dir, 1, f"no {FILE_NAME} stands in this folder's <namespace>/<dataset>/ folders")]
    others, _ = readable(files)
    _, errors = usable(files)
    unread = {f"no contract declares {name}" for name in errors}
    problems = [problem for file in files for problem in check(file, others) if problem.reason not in unread]
    # What no contract shows by itself: datasets that are made from each other in a circle, or claim the same.
    refused = [error.facts for error in errors.values() if "depends_on" not in error.facts]
    told = {problem.file for problem in problems}
    more = [Problem(Path(str(each["file"])), int(str(each["line"])), str(each["reason"])) for each in refused]
    return problems + sorted({problem for problem in more if problem.file not in told})


def check(file: Path, others: Mapping[str, Contract] | None = None) -> list[Problem]:
    """Return the problems of one contract, by line; empty for a valid one.

    Args:
        file: the contract's YAML.
        others: contracts by dataset that its inputs are compared with; without them the comparison is left out.
    """
    try:
        faults = list(_faults(file, others or {}))
    except Misplaced as error:
        faults = [(line_of(file, error.place), describe(error))]
    except (OSError, UnicodeDecodeError) as error:
        faults = [(1, f"cannot be read: {error}")]
    return sorted({Problem(file, line, reason) for line, reason in faults})


def _faults(file: Path, others: Mapping[str, Contract]) -> Iterator[tuple[int, str]]:
    root = read(file.read_text(encoding="utf-8"))
    stages = (
        (((line, f"key '{key}' stands here again")) for line, key in repeated_keys(file)),
        ((line_of(file, place), reason) for place, reason in _against_schema(root)),
        ((line_of(file, place), reason) for place, reason in _against_model(root)),
        ((line_of(file, place), reason) for place, reason in _against_rules(root, file, others)),
    )
    for stage in stages:
        faults = list(stage)
        yield from faults
        if faults:
            # The later stages cannot judge a contract with a broken piece.
            return


@cache
def _standard() -> Draft201909Validator:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(text))


def _against_schema(root: Piece) -> Iterator[tuple[Place, str]]:
    errors = [best_match([error]) or error for error in _standard().iter_errors(root.value)]
    places = [tuple(error.absolute_path) for error in errors]
    faults = [place for error, place in zip(errors, places, strict=True) if error.validator != _UNEVALUATED]
    for error, place in zip(errors, places, strict=True):
        # A fault inside a property also makes the whole of its parents "unevaluated": only the fault is told.
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if error.validator == _UNEVALUATED and (deeper or place in faults):
            continue
        yield _place(error, place), f"{_name(place)}{_reason(error)}"


def _place(error: ValidationError, place: Place) -> Place:
    stray = _stray(error)
    return (*place, stray[0]) if stray else place


def _reason(error: ValidationError) -> str:
    stray = _stray(error)
    return f"ODCS knows no {', '.join(map(repr, stray))} here" if stray else error.message


def _stray(error: ValidationError) -> list[str]:
    if error.validator not in _STRAY or not isinstance(error.instance, dict):
        return []
    return [key for key in error.instance if f"'{key}'" in error.message]


def _name(place: Place) -> str:
    names = [step for step in place if isinstance(step, str)]
    return f"{names[-1]}: " if names else ""


def _against_model(root: Piece) -> Iterator[tuple[Place, str]]:
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError as ModelError

    try:
        OpenDataContractStandard.model_validate(root.value)
    except ModelError as error:
        for item in error.errors():
            yield item["loc"], f"{_name(item['loc'])}{item['msg']}"


def _against_rules(root: Piece, file: Path, others: Mapping[str, Contract]) -> Iterator[tuple[Place, str]]:
    yield from findings(Subject(parse(root, file.absolute().parent), root, others))
