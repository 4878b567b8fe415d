"""Activation and rollback: the pointer moves by compare-and-swap, to a version that is whole and passed its gate."""

from datetime import date

from matinee import faults
from matinee.errors import NotActivatedError, UsageError
from matinee.serving.model import Manifest
from matinee.serving.versions import Act, Activation, Pointer, Versions
from matinee.table.registers import stamp


def activate(versions: Versions, version: str, who: str, reason: str = "", *, force: bool = False) -> Pointer:
    """Make a version the active version; where it is active already, nothing changes.

    Args:
        versions: of the dataset.
        version: which.
        who: for the record.
        reason: for the record; needed with `force`.
        force: activate a version that did not pass its gate.

    Raises:
        UsageError: `force` without a reason.
        VersionGoneError: the version is not whole.
        NotActivatedError: it did not pass its gate, or has an older key than the active version.
        CommitConflictError: others moved the pointer first in every try.
    """
    manifest = versions.manifest(version)
    if force and not reason.strip():
        raise UsageError("A version is forced for a reason.", next_step='Give it, such as --reason "a known gap".')
    if not force:
        _refuse_unproven(versions, version)
    faults.reach("kv.before_pointer")

    def wanted(pointer: Pointer) -> Pointer | None:
        if pointer.active == version:
            return None
        _refuse_older(versions, manifest, pointer)
        return pointer.moved(_activation("activate", manifest, who, f"forced: {reason}" if force else reason))

    moved = versions.change(wanted)
    faults.reach("kv.after_pointer")
    return moved


def rollback(versions: Versions, who: str, reason: str = "", to: str | None = None, act: Act = "rollback") -> Pointer:
    """Go back to the version that was active before, or to a named version; both may have an older key.

    `act` is "withdraw" where no person asks for it: the version that is left is then activated again once it may be.

    Raises:
        NotActivatedError: there is no version to go back to.
        VersionGoneError: the named version is not whole.
        CommitConflictError: others moved the pointer first in every try.
    """

    def wanted(pointer: Pointer) -> Pointer | None:
        manifest = versions.manifest(to or _before(versions, pointer))
        if to is not None and to == pointer.active:
            return None
        return pointer.moved(_activation(act, manifest, who, reason))

    return versions.change(wanted)


def _activation(act: Act, manifest: Manifest, who: str, reason: str) -> Activation:
    return Activation(act, manifest.version, manifest.plan.source.key, stamp(), who, reason)


def _refuse_unproven(versions: Versions, version: str) -> None:
    gate = versions.gate(version)
    if gate is not None and gate.has_passed:
        return
    failed = [verdict for verdict in gate.verdicts if verdict.blocks] if gate else []
    why = "; ".join(f"{verdict.audit}: {verdict.detail}" for verdict in failed) or "nothing has judged it yet"
    raise NotActivatedError(
        f"{versions.dataset} {version} is not activated: {why}.",
        next_step=f"`matinee kv verify {versions.dataset} {version}` judges it; `--force --reason …` takes it anyway.",
        facts={"dataset": versions.dataset, "version": version, "failed": [verdict.audit for verdict in failed]},
    )


def _refuse_older(versions: Versions, manifest: Manifest, pointer: Pointer) -> None:
    key: date = manifest.plan.source.key
    if pointer.key is not None and key < pointer.key:
        raise NotActivatedError(
            f"{versions.dataset} {manifest.version} is of {key}, and the active version is of {pointer.key}.",
            next_step=f"`matinee kv rollback {versions.dataset} --to {manifest.version}` goes back to an older key.",
            facts={"dataset": versions.dataset, "version": manifest.version, "active": pointer.active},
        )


def _before(versions: Versions, pointer: Pointer) -> str:
    """Return the version that was active before the active version, and is still there."""
    tried = {pointer.active, *pointer.withdrawn, *pointer.left}
    for activation in reversed(pointer.activations):
        if activation.version not in tried and versions.find(activation.version):
            return activation.version
        tried.add(activation.version)
    raise NotActivatedError(
        f"{versions.dataset} has no earlier version to go back to.",
        next_step=f"`matinee kv list {versions.dataset}` shows the versions; `--to VERSION` names one.",
        facts={"dataset": versions.dataset, "active": pointer.active},
    )
