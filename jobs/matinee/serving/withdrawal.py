"""Withdrawn days: a version that has rows of them says so in its answers, and may be left by itself."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from matinee.errors import NotActivatedError
from matinee.ledger.model import State
from matinee.serving import declaration as declarations
from matinee.serving.activation import rollback
from matinee.serving.model import ServedDay, Source
from matinee.serving.versions import Pointer, Versions
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

log = logging.getLogger(__name__)
WHO = "a withdrawal"


def follow_withdrawals(lake: Lake, dataset: str) -> Pointer:
    """Mark the versions whose days were withdrawn, or are made from withdrawn days; unmark those whose days are good.

    Where the active version is marked and `on_withdraw` says so, the version before it becomes active; where there is
    none, the active version stays.

    Raises:
        CommitConflictError: others moved the pointer first in every try.
    """
    versions, declared = Versions.of(lake.settings, dataset), declarations.load(lake.registry.get(dataset))
    look = Validity(lake)
    manifests = [manifest for version in versions.names() if (manifest := versions.find(version))]
    withdrawn = {manifest.version: withdrawn_day(look, manifest.plan.source) for manifest in manifests}
    marks = {version: day.told for version, day in withdrawn.items() if day}

    def wanted(pointer: Pointer) -> Pointer | None:
        return None if pointer.withdrawn == marks else replace(pointer, withdrawn=marks)

    pointer = versions.change(wanted)
    if pointer.active in marks and declared.on_withdraw == "rollback":
        try:
            return rollback(versions, WHO, marks[pointer.active], act="withdraw")
        except NotActivatedError as error:
            log.warning("%s goes on: %s", pointer.active, error.message)
    return pointer


class Withdrawn(NamedTuple):
    """A withdrawn day, and what a version that has its rows tells of the day."""

    dataset: str
    day: date
    told: str


def withdrawn_day(look: Validity, source: Source) -> Withdrawn | None:
    """Return which day of a source, or under it, was withdrawn; None where none was, or its rows were published again.

    Args:
        look: the days of the lake.
        source: of a version.
    """
    history = look.history(source.dataset)
    for day, served in _differing(look, source):
        status = look.status(source.dataset, day)
        if status.valid and status.stamp is not None and status.stamp == served.stamp:
            continue
        for record in history.by_day.get(day, ()):
            if record.publication_id == served.publication_id and record.state is State.WITHDRAWN:
                return Withdrawn(source.dataset, day, f"{day}: {record.reason}")
        if status.reason is not None and status.reason.root.kind == "withdrawn":
            root = status.reason.root
            return Withdrawn(root.dataset, root.day, f"{day}: {root.dataset} {root.day} is {root.detail}")
    return None


def _differing(look: Validity, source: Source) -> Iterator[tuple[date, ServedDay]]:
    """Yield the days that columns do not show to be valid with the rows that are served, of a long history few."""
    import numpy as np

    days, newest = sorted(source.days), look.history(source.dataset).newest_columns
    named = newest.select(["day", "publication_id", "stamp"]).to_pydict().values() if newest else ()
    known = {day: (identity, stamp) for day, identity, stamp in zip(*named, strict=True)}
    plain = look.plain(source.dataset).holds(np.array(days, "datetime64[D]"))
    for day, is_plain in zip(days, plain.tolist(), strict=True):
        served = source.days[day]
        identity, stamp = known.get(day, ("", None))
        is_same = identity == served.publication_id or (stamp is not None and stamp == served.stamp)
        if not (is_plain and is_same):
            yield day, served
