"""The step `serve`: a version of what is published now is built, judged, activated, and older versions go."""

from typing import Annotated

from matinee.days import parse_day
from matinee.report import Report, Rows, timed
from matinee.serving import declaration as declarations
from matinee.serving.activation import activate
from matinee.serving.building import LEASE, PATIENCE, build
from matinee.serving.collecting import collect, leftovers
from matinee.serving.gate import judge
from matinee.serving.model import Gate, Manifest
from matinee.serving.versions import Versions
from matinee.serving.withdrawal import follow_withdrawals
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.leases.holders import hold_patiently


def step(
    settings: Settings,
    dataset: str,
    key: Annotated[str | None, "the newest day of the version, YYYY-MM-DD; default: the newest valid day"] = None,
) -> Report:
    """Serve what is published: build, judge and activate a version, where the served rows have changed."""
    seconds: dict[str, float] = {}
    lake = Lake.open(settings)
    versions, declared = Versions.of(settings, dataset), declarations.load(lake.registry.get(dataset))
    pointer = follow_withdrawals(lake, dataset)
    if declared.when == "by_hand":
        details = {"version": "", "active": pointer.active or "", "collected": 0}
        return Report(step="serve", dataset=dataset, details=details)
    with timed(seconds, "build"):
        manifest = build(lake, dataset, parse_day(key) if key else None)
    with timed(seconds, "judge"):
        gate = judged(lake, dataset, manifest)
    pointer = versions.pointer()
    if manifest.version not in pointer.left:  # A person went back from it: only a person activates it again.
        activate(versions, manifest.version, "step serve")
    with hold_patiently(lake, dataset, LEASE, PATIENCE):  # What another run builds meanwhile is not whole yet.
        collected = leftovers(versions, declared)
        for leftover in collected:
            collect(versions, leftover)
    return Report(
        step="serve",
        dataset=dataset,
        key=manifest.plan.source.key.isoformat(),
        snapshot_id=manifest.plan.source.snapshot_id,
        rows=Rows.model_validate({"in": manifest.rows, "out": manifest.keys}),
        verdicts=gate.verdicts,
        vtts=manifest.plan.source.vtts,
        seconds=seconds,
        details={"version": manifest.version, "active": versions.pointer().active or "", "collected": len(collected)},
    )


def judged(lake: Lake, dataset: str, manifest: Manifest) -> Gate:
    """Return how a version was judged beside the version that is active now; judge it where nobody has."""
    versions = Versions.of(lake.settings, dataset)
    gate, active = versions.gate(manifest.version), versions.pointer().active
    if gate is not None and active in (manifest.version, gate.compared_with):
        return gate
    return judge(lake, dataset, manifest.version)
