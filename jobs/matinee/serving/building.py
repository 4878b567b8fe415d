"""Building a version: pin what is published, write the shards in the engine's tasks, record the manifest, judge.

The identity of a version is a hash of what decides its entries, so a build that was cut off goes on where it was, and
rows that have not changed are the version that is there.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from matinee import __version__, faults
from matinee.errors import ConservationError, ContractError, RepeatedKeyError
from matinee.ledger import pins
from matinee.serving import declaration as declarations
from matinee.serving.collecting import discard
from matinee.serving.declaration import Declaration
from matinee.serving.entries import added
from matinee.serving.keys import FORM
from matinee.serving.model import Manifest, Plan, Shard, Source
from matinee.serving.source import source_of
from matinee.serving.stores.choice import store_of
from matinee.serving.stores.protocol import Store
from matinee.serving.tasks import Encoder, Result, Sampler, Writer, result_of
from matinee.serving.values import Field, fields_of
from matinee.serving.versions import MANIFEST, PLAN, Versions
from matinee.table.catalog import Lake
from matinee.table.files import Slice
from matinee.table.leases.holders import hold_patiently
from matinee.table.leases.lease import Lease
from matinee.table.registers import stamp

if TYPE_CHECKING:
    from matinee.features.shards import SortedRows

LEASE = "serve"
#: How long a build waits for another build of the same dataset.
PATIENCE = timedelta(minutes=30)
#: So many keys are sampled for each shard to find where it begins.
_SAMPLED = 100
Tell = Callable[[str], None]


def build(lake: Lake, dataset: str, key: date | None = None, tell: Tell = lambda _: None) -> Manifest:
    """Build a version of a served dataset, or return the version where it is built already, and its store has it.

    Args:
        lake: the lake.
        dataset: what is served.
        key: the newest day of the version; default: the newest valid day.
        tell: gets a line at each step.

    Raises:
        UsageError: the dataset is not served, or has no valid day.
        InputsNotValidError: a day is not valid.
        RepeatedKeyError: two rows have one key.
        ConservationError: the engine read other rows than the table has.
        LeaseHeldError: another process builds a version of the dataset.
        LeaseLostError: another process has taken the build over.
    """
    contract = lake.registry.get(dataset)
    declared = declarations.load(contract)
    versions = Versions.of(lake.settings, dataset)
    with hold_patiently(lake, dataset, LEASE, PATIENCE) as lease:
        source = source_of(lake, declared, key)
        fields = _fields(lake, declared, source)
        version = _identity(declared, source, fields)
        manifest = versions.find(version)
        if manifest is not None and store_of(versions, manifest.plan.store).has(manifest):
            tell(f"{version} is built already")
            return manifest
        if manifest is not None:
            tell(f"{version} has lost parts: it is built again")
            discard(versions, version)
        run = f"kv_{dataset.replace('.', '_')}_{version}"
        pins.hold(lake, run, {dataset: source.snapshot_id})
        faults.reach("kv.after_pin")
        try:
            plan = Plan(version, source, declared.store, declared.key, fields, ())
            return _Build(lake, declared, versions, plan, lease, tell).run()
        finally:
            pins.release(lake, run, {dataset: source.snapshot_id})


@dataclass(frozen=True)
class _Build:
    """A build of a version whose source is pinned."""

    lake: Lake
    declared: Declaration
    versions: Versions
    plan: Plan
    lease: Lease
    tell: Tell

    @property
    def store(self) -> Store:
        return store_of(self.versions, self.plan.store)

    def run(self) -> Manifest:
        from matinee.features.shards import sorted_rows

        source, version = self.plan.source, self.plan.version
        rows = Slice(source.dataset, source.snapshot_id, source.first, source.key)
        self.tell(f"{version}: {source.rows} rows of {source.first} to {source.key} at snapshot {source.snapshot_id}")
        with sorted_rows(self.lake, rows, self.declared.columns) as read:
            plan = self._planned(read)
            faults.reach("kv.after_plan")
            written = self._written(plan)
            if written:
                self.tell(f"{version}: {len(written)} shards are there already")
            encode, write = Encoder(plan, frozenset(written)), Writer(plan, self.store)
            results = list(map(result_of, read.write(encode, write, len(plan.cuts) + 2)))
        faults.reach("kv.after_shards")
        self.lease.renew()  # Another build may have taken a lease that ran out: its files are not these.
        manifest = self._manifest(plan, written, results)
        self.versions.put(version, MANIFEST, manifest)
        faults.reach("kv.after_manifest")
        self.store.tidy(manifest)  # Tasks that were tried again have left files.
        if self.versions.pointer().active == version:  # It had lost parts: servers look at the manifest again.
            self.versions.change(lambda pointer: pointer)
        self.tell(f"{version}: {manifest.keys} keys in {len(manifest.shards)} shards, {manifest.bytes} bytes")
        return manifest

    def _planned(self, read: "SortedRows") -> Plan:
        """Return the plan with the bounds of its shards; those of a build that was cut off stay."""
        known = self.versions.plan(self.plan.version)
        bounds = known.bounds if known else tuple(key.hex() for key in self._bounds(read))
        plan = replace(self.plan, bounds=bounds)
        if plan != known:
            self.versions.put(plan.version, PLAN, plan)
        return plan

    def _bounds(self, read: "SortedRows") -> list[bytes]:
        """Return the first keys of all shards but the first, so that each has about as many keys."""
        shards = self.declared.shards
        if shards == 1:
            return []
        every = max(1, self.plan.source.rows // (shards * _SAMPLED))
        keys = sorted(read.keys(Sampler(self.plan.key, every)))
        places = (len(keys) * number // shards for number in range(1, shards))
        return sorted({keys[place] for place in places if 0 < place < len(keys)})

    def _written(self, plan: Plan) -> dict[int, Shard]:
        """Return the shards that an earlier build has written whole, where the store keeps them apart."""
        store = self.store
        shards = (store.written(plan.version, number) for number in range(len(plan.cuts) + 1))
        return {shard.number: shard for shard in shards if shard is not None}

    def _manifest(self, plan: Plan, written: Mapping[int, Shard], results: Sequence[Result]) -> Manifest:
        for result in results:
            if result.repeated is not None:
                raise _repeated(plan, bytes.fromhex(result.repeated))
        shards = {**written, **{result.shard.number: result.shard for result in results if result.shard}}
        rows = sum(result.rows or 0 for result in results)
        if rows != plan.source.rows:
            raise ConservationError(
                f"The engine read {rows} rows of {plan.source.dataset}, whose files say that they have "
                f"{plan.source.rows}.",
                next_step="Run `matinee doctor`; no version was made.",
                facts={"dataset": plan.source.dataset, "version": plan.version},
            )
        return Manifest(
            plan=plan,
            shards=tuple(shards[number] for number in sorted(shards)),
            rows=rows,
            total=added(result.total for result in results if result.total),
            built=stamp(),
            code_version=__version__,
        )


def _repeated(plan: Plan, key: bytes) -> RepeatedKeyError:
    values = plan.key.decode(key)
    named = ", ".join(f"{name} = {value!r}" for name, value in zip(plan.key.names, values, strict=True))
    return RepeatedKeyError(
        f"Two rows of {plan.source.dataset} have the key {named}.",
        next_step="Take a column into the key that tells the rows apart, or serve fewer days; no version was made.",
        facts={"dataset": plan.source.dataset, "version": plan.version, "key": list(map(str, values))},
    )


def _identity(declared: Declaration, source: Source, fields: Sequence[Field]) -> str:
    """Return the name of the version: its key, and a hash of what decides its entries and its shards."""
    days = {str(day): served.stamp or served.publication_id for day, served in source.days.items()}
    decides = [FORM, days, declared.key.names, declared.key.types, declared.store, declared.shards, repr(fields)]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return f"{source.key:%Y%m%d}_{digest[:10]}"


def _fields(lake: Lake, declared: Declaration, source: Source) -> tuple[Field, ...]:
    """Return the fields of the values, by the columns that the table had when the snapshot was written.

    Raises:
        ContractError: the snapshot lacks a column.
    """
    table = lake.table(source.dataset)
    snapshot = table.metadata.snapshot_by_id(source.snapshot_id)
    schema = table.schemas()[snapshot.schema_id] if snapshot and snapshot.schema_id is not None else table.schema()
    missing = [name for name in declared.columns if name not in schema.column_names]
    if missing:
        raise ContractError(
            f"The table of {source.dataset} has no column {', '.join(missing)} yet.",
            next_step=f"`matinee run {source.dataset} --key {source.key}` brings the table to its contract.",
            facts={"dataset": source.dataset, "columns": missing},
        )
    return fields_of(schema, declared.values)
