"""What `matinee kv` shows of versions."""

from typing import TYPE_CHECKING

from matinee.cli.output import OUT, emit, emit_one
from matinee.contracts.registry import Registry
from matinee.errors import UsageError
from matinee.settings import Settings

if TYPE_CHECKING:
    from matinee.serving.model import Gate, Manifest
    from matinee.serving.versions import Pointer, Versions


def every(settings: Settings, datasets: tuple[str, ...]) -> "list[Versions]":
    from matinee.serving.declaration import served

    registry = Registry.load(settings.sql_dir)
    names = datasets or [contract.dataset for contract in served(registry)]
    return [versions_of(settings, name) for name in names]


def versions_of(settings: Settings, dataset: str) -> "Versions":
    from matinee.serving.declaration import load
    from matinee.serving.versions import Versions

    load(Registry.load(settings.sql_dir).get(dataset))
    return Versions.of(settings, dataset)


def named(version: str | None, pointer: "Pointer", dataset: str) -> str:
    name = version or pointer.active
    if name is None:
        raise UsageError(f"{dataset} has no active version.", next_step=f"`matinee kv build {dataset} --activate`.")
    return name


def facts(versions: "Versions", manifest: "Manifest", pointer: "Pointer") -> dict[str, object]:
    source = manifest.plan.source
    return {
        "dataset": versions.dataset,
        "version": manifest.version,
        "state": versions.state(manifest.version, pointer),
        "key": source.key,
        "first_day": source.first,
        "keys": manifest.keys,
        "bytes": manifest.bytes,
        "snapshot_id": source.snapshot_id,
        "publication": source.days[source.key].publication_id,
        "contract_version": source.contract_version,
        "vtts": source.vtts,
        "built": manifest.built,
        "store": manifest.plan.store,
        "total": manifest.total,
        "withdrawn": pointer.withdrawn.get(manifest.version),
    }


def show(versions: "Versions", manifest: "Manifest", gate: "Gate | None", pointer: "Pointer", output: str) -> None:
    told = facts(versions, manifest, pointer)
    verdicts = [verdict.model_dump(mode="json", exclude={"severity"}) for verdict in gate.verdicts] if gate else []
    activations = [each for each in pointer.activations if each.version == manifest.version]
    if output == "json":
        shards = {"shards": manifest.shards, "verdicts": verdicts, "activations": activations}
        emit_one({**told, "passed": gate.has_passed if gate else None, **shards}, output)
        return
    emit_one(told, output)
    names = ("audit", "verdict", "detail")
    emit([{name: verdict[name] for name in names} for verdict in verdicts], output, title="Gate")
    for each in activations:
        why = f": {each.reason}" if each.reason else ""
        OUT.print(f"{each.act} at {each.at:%Y-%m-%d %H:%M:%SZ} by {each.who}{why}")


def show_pointer(dataset: str, pointer: "Pointer", output: str) -> None:
    last = pointer.activations[-1] if pointer.activations else None
    told = {"dataset": dataset, "active": pointer.active, "key": pointer.key}
    emit_one({**told, "before": last.before if last else None, "reason": last.reason if last else None}, output)
