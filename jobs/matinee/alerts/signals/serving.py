"""Served datasets: without an active version, with withdrawn rows, with a failed gate, or behind what is published."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from matinee.alerts.model import Edge, Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.serving import declaration as declarations

if TYPE_CHECKING:  # Where nothing is served, the extra `serving` may be missing.
    from matinee.serving.model import Manifest
    from matinee.serving.versions import Versions

#: How long a publication may wait to be served: the task `serve` follows it, and may be tried again.
GRACE = timedelta(hours=3)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield what is wrong with the versions of each served dataset."""
    for contract in declarations.served(outlook.registry):
        dataset = contract.dataset
        if declarations.check(contract) or not outlook.lake.exists(dataset):
            continue  # `matinee kv check` names the mistakes, and without a table there is nothing to serve.
        yield from _of(outlook, dataset, is_by_hand=declarations.load(contract).when == "by_hand")


def _of(outlook: Outlook, dataset: str, *, is_by_hand: bool) -> Iterator[Signal]:
    from matinee.serving.versions import Versions

    versions = Versions.of(outlook.settings, dataset)
    active = versions.active()
    if active is None:
        if outlook.validity.vtts(dataset).vtts is not None and not is_by_hand:
            yield Signal(
                "serving",
                f"served {dataset}",
                Identity("not_served", dataset),
                f"{dataset} is to be served and has no active version",
                f"`matinee kv build {dataset} --activate`; `matinee kv list {dataset}` shows what is there.",
                value=1.0,
                dataset=dataset,
            )
    else:
        yield from _withdrawn(outlook, active)
        if not is_by_hand:
            yield from _behind(outlook, active)
    yield from _refused(versions, active)


def _withdrawn(outlook: Outlook, active: "Manifest") -> Iterator[Signal]:
    from matinee.serving.withdrawal import withdrawn_day

    dataset, day = active.plan.source.dataset, withdrawn_day(outlook.validity, active.plan.source)
    if day is not None:
        yield Signal(
            "serving",
            f"withdrawn rows of {dataset}",
            Identity("serves_withdrawn", dataset),
            f"the active version of {dataset} has rows of a withdrawn day, {day.told}",
            f"`matinee kv rollback {dataset} --reason …`, or publish the day again.",
            value=1.0,
            dataset=dataset,
            edges=(Edge("lineage", Identity.of_day("withdrawn", day.dataset, day.day)),),
        )


def _behind(outlook: Outlook, active: "Manifest") -> Iterator[Signal]:
    source = active.plan.source
    now = outlook.validity.vtts(source.dataset).vtts
    notes = outlook.validity.history(source.dataset).newest_notes
    if now is None or source.vtts is None or now <= source.vtts:
        return
    waiting = [note.recorded_ts for day, note in notes.items() if day not in source.days and day > source.key]
    yield Signal(
        "serving",
        f"served rows of {source.dataset}",
        Identity("serves_old", source.dataset),
        f"{source.dataset} can be trusted until {now:%Y-%m-%d %H:%MZ}, its active version until"
        f" {source.vtts:%Y-%m-%d %H:%MZ}",
        "Open the last task `serve` of its DAG, and clear it once its cause is removed.",
        since=min(waiting, default=active.built),
        limit=GRACE.total_seconds(),
        dataset=source.dataset,
    )


def _refused(versions: "Versions", active: "Manifest | None") -> Iterator[Signal]:
    """Yield a version that is newer than the active version, and has failed its gate."""
    whole = [manifest for version in versions.names() if (manifest := versions.find(version))]
    newest = max(whole, key=lambda manifest: (manifest.built, manifest.version), default=None)
    if newest is None or newest == active:
        return
    gate = versions.gate(newest.version)
    failed = [verdict for verdict in gate.verdicts if verdict.blocks] if gate else []
    if failed:
        dataset = versions.dataset
        yield Signal(
            "serving",
            f"gate of {dataset}",
            Identity("gate_failed", dataset),
            f"{dataset} {newest.version} failed its gate: {failed[0].audit}, {failed[0].detail}",
            f"`matinee kv show {dataset} {newest.version}` has the verdicts.",
            since=newest.built,
            dataset=dataset,
        )
