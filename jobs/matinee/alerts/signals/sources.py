"""Looking at every source, each in a thread of its own: a source that hangs or fails is a signal, others go on."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic

from matinee.alerts.model import Identity, Kind, Signal
from matinee.alerts.signals.errors import resource_of
from matinee.alerts.signals.failures import Why, raised
from matinee.alerts.signals.outlook import Outlook
from matinee.errors import MatineeError, TransientError
from matinee.foreign import translated

log = logging.getLogger(__name__)
LookAt = Callable[[Outlook], Iterable[Signal]]


@dataclass(frozen=True)
class Source:
    """Something to look at.

    Attributes:
        name: of the resource.
        looks: by name, what is looked at there, one after the other, and the kinds of signals that it gives.
    """

    name: str
    looks: Mapping[str, tuple[LookAt, tuple[Kind, ...]]]


@dataclass
class Seen:
    """What a look saw, and the kinds of signals, and the datasets, that it could not look for."""

    signals: list[Signal] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)


def look(sources: Sequence[Source], outlook: Outlook, patience_s: float) -> Seen:
    """Look at all sources at the same time; what has not answered in time is left alone until it has ended."""
    until = monotonic() + patience_s
    results: dict[str, Seen] = {}
    for source in sources:
        hanging = outlook.memory.get(("thread", source.name))
        if hanging is None or not hanging.is_alive():
            results[source.name] = Seen()
            thread = Thread(target=_look_at, args=(source, outlook, results[source.name]), daemon=True)
            outlook.memory["thread", source.name] = thread
            thread.start()
    for name in results:
        outlook.memory["thread", name].join(max(until - monotonic(), 0))
    seen = Seen()
    for source in sources:
        mine = results.get(source.name)
        if mine is None or outlook.memory["thread", source.name].is_alive():
            late = TransientError(f"No answer within {patience_s:.0f} s.", next_step=f"Look at the {source.name}.")
            mine = Seen([_unreadable(source.name, source.name, late, Identity("hangs", source.name))], _kinds(source))
        seen.signals += mine.signals
        seen.blind |= mine.blind
    return seen


def _look_at(source: Source, outlook: Outlook, seen: Seen) -> None:
    for name, (look_at, kinds) in source.looks.items():
        try:
            seen.signals += list(look_at(outlook))
        except Exception as error:  # noqa: BLE001 - whatever fails, the other looks go on
            ours = translated(error)
            log.info("%s cannot be looked at: %s", name, ours)
            own = Identity("unreadable", name)
            seen.signals.append(_unreadable(source.name, name, ours, own))
            seen.blind |= set(kinds)


def _kinds(source: Source) -> set[str]:
    return {kind for _, kinds in source.looks.values() for kind in kinds}


def _unreadable(source: str, name: str, error: MatineeError, own: Identity) -> Signal:
    """Return the signal of something that cannot be looked at; its cause is the resource that its error names.

    Where an error names none, one error that stops several looks is one cause.
    """
    kind = type(error).__name__
    same = raised(Why.of(f"{kind}: {error}".encode()), None)
    return Signal(
        "source",
        f"look at {name}",
        resource_of(kind, error.facts) or same or own,
        f"{kind}: {error.message}",
        error.next_step,
        value=1.0,
        facts={"source": source, "error": kind},
    )
