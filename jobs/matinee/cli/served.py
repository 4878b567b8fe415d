"""Rows of `matinee doctor` on served datasets: whether their stores have the active versions, and keep them."""

from collections.abc import Iterator

from matinee.cli.findings import finding
from matinee.serving import declaration as declarations
from matinee.table.catalog import Lake


def served(lake: Lake) -> Iterator[dict[str, object]]:
    """Name the active versions of which the store has lost parts, and a Redis that may evict them."""
    stores = set[str]()
    for contract in declarations.served(lake.registry):
        from matinee.serving.stores.choice import store_of  # Of the extra `serving`.
        from matinee.serving.versions import Versions

        versions = Versions.of(lake.settings, contract.dataset)
        manifest = versions.active()
        if manifest is None:
            continue
        stores.add(manifest.plan.store)
        told = f"{contract.dataset} {manifest.version}: {manifest.keys} keys in {manifest.plan.store}"
        if store_of(versions, manifest.plan.store).has(manifest):
            yield finding("served", "ok", told)
        else:
            then = f"`matinee kv rollback {contract.dataset}`, or `matinee kv build {contract.dataset} --activate`"
            yield finding("served", "failed", f"{told}, which has lost parts", then)
    if "redis" in stores:
        from matinee.serving.settings import StoreSettings
        from matinee.serving.stores.redis import eviction

        settings = StoreSettings()
        policy = eviction(settings.redis, settings.redis_connection)
        if policy != "noeviction":
            told = f"Redis evicts by {policy} when its memory is full: served versions lose entries"
            yield finding("served", "warning", told, "`redis-cli config set maxmemory-policy noeviction`")
