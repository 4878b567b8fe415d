"""Collecting: versions beyond those that are kept, and what builds that died have left, are deleted."""

from dataclasses import dataclass

from matinee import faults
from matinee.serving.declaration import Declaration
from matinee.serving.stores.choice import store_of
from matinee.serving.versions import MANIFEST, Pointer, State, Versions


@dataclass(frozen=True)
class Leftover:
    """A version that is not needed any more, and why."""

    version: str
    state: State
    why: str


def leftovers(versions: Versions, declared: Declaration) -> list[Leftover]:
    """Return what may be deleted: the active version, and so many before it as are kept, stay.

    The caller holds the lease of builds: else a version that is not whole may be at work.
    """
    pointer = versions.pointer()
    kept = _kept(versions, pointer, declared.keep)
    return [
        Leftover(version, state, "not whole" if state == "building" else f"beyond the {declared.keep} that are kept")
        for version in versions.names()
        if version not in kept
        for state in [versions.state(version, pointer)]
    ]


def collect(versions: Versions, leftover: Leftover) -> None:
    """Delete a version: its manifest first, so that nobody takes what is left for whole.

    A version that became active since it was listed stays.
    """
    if versions.pointer().active == leftover.version:
        return
    versions.files.delete(f"{leftover.version}/{MANIFEST}")
    faults.reach("kv.after_unlisted")
    discard(versions, leftover.version)


def discard(versions: Versions, version: str) -> None:
    """Delete what the store holds of a version, then its files: the plan among them says which store that is."""
    if plan := versions.plan(version):
        store_of(versions, plan.store).delete(version)
    versions.files.delete(version)


def _kept(versions: Versions, pointer: Pointer, keep: int) -> set[str]:
    """Return the active version, those that were active last, and the newest others: `keep` versions in all."""
    whole = {version: manifest.built for version in versions.names() if (manifest := versions.find(version))}
    activated = [each.version for each in reversed(pointer.activations) if each.version not in pointer.withdrawn]
    ranked = [pointer.active, *activated, *sorted(whole, key=lambda version: (whole[version], version), reverse=True)]
    kept = list(dict.fromkeys(version for version in ranked if version in whole))[:keep]
    return {*kept, *([pointer.active] if pointer.active else [])}
