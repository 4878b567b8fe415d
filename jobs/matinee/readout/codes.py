"""Codes by which systems say what failed (SQLSTATE, HTTP, the kernel, gRPC, AWS, Kafka, …), as data."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from matinee.readout.data import names_in, read


@dataclass(frozen=True)
class CodeSpace:
    """Codes of one system.

    Attributes:
        written: how lines write a code; the first group is the code.
        kinds: the name of the pattern that each code stands for; `ABC*` stands for all that begin with ABC.
        folded: whether codes are compared by their letters and digits alone.
        any_level: whether lines that are no errors count, too.
        leads: whether a code says more than the words beside the code.
    """

    written: tuple[re.Pattern[str], ...]
    kinds: Mapping[str, str]
    folded: bool = False
    any_level: bool = False
    leads: bool = False

    def kind(self, code: str) -> str | None:
        """Return the name of the pattern that a code stands for."""
        key = re.sub(r"[\W_]", "", code).lower() if self.folded else code
        exact = self.kinds.get(key) or self.kinds.get(key.lower())
        if exact:
            return exact
        begun = [begin for begin in self.kinds if begin.endswith("*") and key.startswith(begin[:-1])]
        return self.kinds[max(begun, key=len)] if begun else None


@cache
def spaces() -> tuple[CodeSpace, ...]:
    """Return the spaces of `codes/`, in the order of their files."""
    return tuple(
        CodeSpace(
            tuple(re.compile(written) for written in stated["written"]),
            stated["codes"],
            stated.get("folded", False),
            stated.get("any_level", False),
            stated.get("leads", False),
        )
        for stated in map(read, names_in("codes"))
    )


def leading(text: str) -> str | None:
    """Return the pattern of a code that says more than the words beside the code."""
    return next((kind for kind, _ in coded(text, [space for space in spaces() if space.leads])), None)


def of_any_level(text: str) -> Iterator[tuple[str, int]]:
    """Yield the patterns of codes for which lines count that are no errors."""
    return coded(text, [space for space in spaces() if space.any_level])


def coded(text: str, among: Iterable[CodeSpace]) -> Iterator[tuple[str, int]]:
    """Yield the pattern that each known code of a text stands for, with the length of what names the code."""
    for space in among:
        for written in space.written:
            for match in written.finditer(text):
                kind = space.kind(match[1])
                if kind:
                    yield kind, len(match[0])


def kind_of_exception(name: str) -> str | None:
    """Return the name of the pattern that an exception stands for by its name alone, with its package or without."""
    known = kinds_by_exception()
    return known.get(name) or known.get(re.split(r"[.$]|::", name)[-1])


@cache
def kinds_by_exception() -> Mapping[str, str]:
    """Return the name of the pattern of each exception in `names.yaml`."""
    kinds: Mapping[str, str] = read("names.yaml")
    return kinds
