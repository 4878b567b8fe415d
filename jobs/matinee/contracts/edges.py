"""Rules for the inputs of a contract: which datasets it reads, and how far around a day."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.contracts.document import Place, is_number
from matinee.contracts.model import Contract, InputSpec
from matinee.contracts.subject import Finding, Subject
from matinee.days import LAST_DAY, parse_duration, reach_back
from matinee.errors import UsageError

#: What audits and transforms call a dataset's own rows.
RESERVED = frozenset({"candidate", "history", "previous"})


def inputs(subject: Subject) -> Iterator[Finding]:
    """Yield place and reason of each rule on its inputs that the contract breaks."""
    contract, place = subject.contract, subject.custom("inputs")
    aliases = [spec.alias for spec in contract.inputs]
    for position, spec in enumerate(contract.inputs):
        if spec.alias in aliases[:position] or spec.alias in RESERVED:
            yield (*place, position, "alias"), f"alias {spec.alias} is taken"
        for name, value in (("lookback", spec.lookback), ("lookahead", spec.lookahead)):
            if not resolves(contract, value):
                yield (*place, position, name), f"{name} '{value}' is neither a parameter nor a duration"
        yield from _edge(subject, (*place, position, "dataset"), spec.dataset)
        other = subject.others.get(spec.dataset)
        if other and other.keep and resolves(contract, spec.lookback) and other.keep <= _read_back(contract, spec):
            yield (
                (*place, position, "lookback"),
                f"{spec.dataset} is read {_read_back(contract, spec).days} days back and keeps {other.keep.days} days: "
                "no day could be derived",
            )
        if spec.waits_for == "mature" and other and not any(source.lookahead != "0d" for source in other.inputs):
            yield (*place, position, "waits_for"), f"{spec.dataset} reads nothing ahead: its days are mature once valid"
        if spec.on_restated == "outdated" and other and other.transform is None:
            yield (*place, position, "on_restated"), f"{spec.dataset} has landed rows: its days are never restated"
        if spec.waits_for == "mature" and spec.optional:
            yield (*place, position, "waits_for"), "an optional input is not waited for"


def _read_back(contract: Contract, spec: InputSpec) -> timedelta:
    """Return the whole days before a day that deriving the day reads."""
    return LAST_DAY - reach_back(LAST_DAY, contract.duration(spec.lookback))


def _edge(subject: Subject, place: Place, dataset: str) -> Iterator[Finding]:
    # Both ends of an edge must mean the same by a parameter: a join that reads other days than its input was
    # made for would publish rows that look final and are not.
    if not subject.others:
        return
    if dataset not in subject.others:
        yield place, f"no contract declares {dataset}"
        return
    if subject.others[dataset].kind == "dimension":
        yield place, f"{dataset} is a dimension, whose days are never complete: a run would wait for it for ever"
    theirs = subject.others[dataset].parameters
    for name, value in subject.contract.parameters.items():
        if theirs.get(name, value) != value:
            yield (
                (*subject.custom("parameters"), name),
                f"parameter {name} is {value} here and {theirs[name]} in its input {dataset}: they must be the same",
            )


def resolves(contract: Contract, name_or_literal: str) -> bool:
    """Whether a text names a parameter that is a duration, or is a duration itself."""
    if name_or_literal in contract.parameters:
        # A parameter that is neither has a finding of its own.
        return not is_number(contract.parameters[name_or_literal])
    return is_duration(name_or_literal)


def is_duration(text: str) -> bool:
    """Whether a text is a duration such as 24h."""
    try:
        parse_duration(text)
    except (UsageError, OverflowError):
        return False
    return True
