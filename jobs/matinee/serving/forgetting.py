"""Forgetting: all entries whose keys begin with given values go from all versions of a dataset.

A version that is not whole is deleted: nobody reads it, and its next build begins again. The table is not changed: a
version that is built of it later has its rows.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matinee import faults
from matinee.serving import declaration as declarations
from matinee.serving.building import LEASE, PATIENCE
from matinee.serving.collecting import discard
from matinee.serving.entries import added
from matinee.serving.forgotten import note
from matinee.serving.model import Manifest
from matinee.serving.sample import Sample
from matinee.serving.stores.choice import store_of
from matinee.serving.versions import MANIFEST, SAMPLE, Versions
from matinee.table.catalog import Lake
from matinee.table.leases.holders import hold_patiently
from matinee.table.registers import stamp


def forget(lake: Lake, dataset: str, values: Sequence[object]) -> Mapping[str, int]:
    """Remove the entries whose keys begin with values; servers open what is left at their next look.

    A second call does what a call that was cut off has left.

    Args:
        lake: the lake.
        dataset: what is served.
        values: those of the first columns of the key, one at least.

    Returns:
        How many entries each version has lost.

    Raises:
        UsageError: a value is of another type than its column.
        LeaseHeldError: a version of the dataset is built now.
    """
    versions, lost = Versions.of(lake.settings, dataset), dict[str, int]()
    key = declarations.load(lake.registry.get(dataset)).key
    with hold_patiently(lake, dataset, LEASE, PATIENCE):
        for version in versions.names():
            manifest = versions.find(version)
            if manifest is None:
                discard(versions, version)
            else:
                lost[version] = _forget(versions, manifest, manifest.plan.key.encode(values))
        note(versions.files, key.encode(values), stamp())
        # The number of the pointer rises: servers look at the manifests, and at what was forgotten, again.
        versions.change(lambda pointer: pointer)
    return lost


def _forget(versions: Versions, manifest: Manifest, prefix: bytes) -> int:
    store, version = store_of(versions, manifest.plan.store), manifest.version
    content = versions.files.read(f"{version}/{SAMPLE}")
    if content is not None:
        sample = Sample.from_bytes(content[0])
        sample.entries = {key: value for key, value in sample.entries.items() if not key.startswith(prefix)}
        versions.files.write(f"{version}/{SAMPLE}", sample.to_bytes())
    with tempfile.TemporaryDirectory() as folder:
        left = store.forget(manifest, prefix, Path(folder))
    faults.reach("kv.after_rewritten")
    count = manifest.keys - left.keys
    if count:
        totals = added(shard.total for shard in left.shards)
        left = replace(left, rows=left.keys, total=totals, revision=manifest.revision + 1)
        versions.put(version, MANIFEST, left)
    faults.reach("kv.after_forgotten")
    store.tidy(left)
    return count
