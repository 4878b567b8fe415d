"""The gate: a version is opened and read whole, and judged, before it may be activated."""

import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from matinee import faults
from matinee.report import Verdict, timed
from matinee.serving import declaration as declarations
from matinee.serving.building import LEASE, PATIENCE
from matinee.serving.declaration import Gates
from matinee.serving.entries import entry_hash, total_of
from matinee.serving.model import Gate, Manifest
from matinee.serving.sample import Sample
from matinee.serving.stores.choice import store_of
from matinee.serving.stores.protocol import Database
from matinee.serving.versions import GATE, SAMPLE, Versions
from matinee.table.catalog import Lake
from matinee.table.files import data_files
from matinee.table.leases.holders import hold_patiently

if TYPE_CHECKING:
    import pyarrow as pa

#: So many rows of the table are looked up in the version.
READ_BACK = 10_000


def judge(lake: Lake, dataset: str, version: str) -> Gate:
    """Judge a version, record the verdicts and return them.

    Raises:
        VersionGoneError: the version is not whole, or a file of it is missing.
        UnreadableError: a file of it is damaged.
        LeaseHeldError: another process builds a version of the dataset, or forgets entries, for long.
    """
    versions = Versions.of(lake.settings, dataset)
    manifest, gates = versions.manifest(version), declarations.load(lake.registry.get(dataset)).gates
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with timed(seconds, "open"):
            database = store_of(versions, manifest.plan.store).open(manifest, Path(folder))
        try:
            with timed(seconds, "read"):
                scanned = _Scanned.of(manifest, database)
            with timed(seconds, "read_back"):
                differing = list(_differing(lake, manifest, database))
        finally:
            database.close()
    with hold_patiently(lake, dataset, LEASE, PATIENCE):  # Else the sample brings back what was forgotten meanwhile.
        is_current = versions.manifest(version).revision == manifest.revision
        if is_current:
            versions.files.write(f"{version}/{SAMPLE}", scanned.sample.to_bytes())
    if not is_current:
        return judge(lake, dataset, version)
    active = versions.pointer().active
    compared = active if active not in (None, version) else None
    shares = _shares(versions, gates, manifest, scanned.sample, compared) if compared else ()
    gate = Gate((*_whole(manifest, scanned), _read_back(differing), *shares), compared, seconds)
    versions.put(version, GATE, gate)
    faults.reach("kv.after_gate")
    return gate


@dataclass
class _Scanned:
    """What a scan of all entries tells; the sample holds those whose key's checksum its divisor divides."""

    keys: int
    total: str
    is_ascending: bool
    sample: Sample

    @classmethod
    def of(cls, manifest: Manifest, database: Database) -> "_Scanned":
        sample = Sample.begin(manifest.keys)
        keys, total, is_ascending, last = 0, 0, True, None
        for key, value in database.scan(b"", None):
            keys += 1
            total += entry_hash(key, value)
            is_ascending = is_ascending and (last is None or last < key)
            last = key
            if zlib.crc32(key) % sample.every == 0:
                sample.entries[key] = value
        return cls(keys, total_of([total]), is_ascending, sample)


def _whole(manifest: Manifest, scanned: _Scanned) -> Iterator[Verdict]:
    rows = manifest.rows if manifest.revision else manifest.plan.source.rows
    is_equal = scanned.keys == rows == manifest.rows == manifest.keys
    yield _verdict("keys_equal_rows", is_equal, f"{scanned.keys} keys of {rows} rows")
    yield _verdict("keys_ascend", scanned.is_ascending, "keys are unique and in order")
    told = f"the entries have the hash {scanned.total}, the rows had {manifest.total}"
    yield _verdict("entries_equal_rows", scanned.total == manifest.total, told)


def _verdict(audit: str, is_good: bool, detail: str, bad: int = 1) -> Verdict:
    verdict = "pass" if is_good else "fail"
    return Verdict(audit=audit, severity="blocking", verdict=verdict, bad_rows=0 if is_good else bad, detail=detail)


def _read_back(differing: "list[Mapping[str, object]]") -> Verdict:
    told = f"rows of the table, read apart from the engine, at most {READ_BACK}"
    verdict = _verdict("rows_read_back", not differing, told, len(differing))
    sample = [{name: str(value) for name, value in row.items()} for row in differing[:5]]
    return verdict.model_copy(update={"sample": sample})


def _differing(lake: Lake, manifest: Manifest, database: Database) -> "Iterator[Mapping[str, object]]":
    """Yield rows of the table that the version lacks or has other values for, among a sample of rows."""
    plan = manifest.plan
    left = READ_BACK
    for batch in _rows(lake, manifest):
        some = batch.slice(0, left)
        left -= some.num_rows
        values = database.get(plan.key.encode_batch(some).to_pylist())
        for row, value in zip(some.to_pylist(), values, strict=True):
            wanted = {field.name: row[field.name] for field in plan.fields}
            is_forgotten = value is None and manifest.revision > 0  # Who was forgotten is recorded nowhere.
            if not is_forgotten and (value is None or plan.value.decode(value) != wanted):
                yield row
        if not left:
            return


def _rows(lake: Lake, manifest: Manifest) -> "Iterator[pa.RecordBatch]":
    """Yield rows of the table by PyIceberg, file by file, in an order that the version's name decides."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan
    from pyiceberg.table import FileScanTask

    source = manifest.plan.source
    table, contract = lake.table(source.dataset), lake.registry.get(source.dataset)
    days = {"first": source.first, "last": source.key}
    files = list(data_files(table, contract.day_column or "", snapshot_id=source.snapshot_id, **days))
    Random(manifest.version).shuffle(files)  # noqa: S311 - a sample, no secret
    names = (*manifest.plan.key.names, *(field.name for field in manifest.plan.fields))
    snapshot = table.metadata.snapshot_by_id(source.snapshot_id)
    schema = table.schemas()[snapshot.schema_id] if snapshot and snapshot.schema_id is not None else table.schema()
    scan = ArrowScan(table.metadata, table.io, schema.select(*names), AlwaysTrue())
    for file in files:
        yield from scan.to_record_batches([FileScanTask(data_file=file)])


def _shares(versions: Versions, gates: Gates, manifest: Manifest, sample: Sample, compared: str) -> Iterator[Verdict]:
    """Yield how many keys were added, removed and changed, as shares of the active version's."""
    content = versions.files.read(f"{compared}/{SAMPLE}")
    known = versions.find(compared)
    if content is None or known is None:
        return
    before, after = Sample.common(Sample.from_bytes(content[0]), sample)
    both = before.keys() & after.keys()
    counts = {"added": len(after) - len(both), "removed": len(before) - len(both), "changed": 0}
    for key in both if gates.compare else ():
        old, new = known.plan.value.decode(before[key]), manifest.plan.value.decode(after[key])
        counts["changed"] += any(old.get(name) != new[name] for name in gates.compare)
    for name, count in counts.items():
        of, limit = len(both if name == "changed" else before), getattr(gates, name)
        share = count / of if of else float(count > 0)
        if limit is not None:
            told = f"{share:.2%} of {of} sampled keys, at most {limit:.2%}"
            yield _verdict(f"keys_{name}", share <= limit, told, count)
