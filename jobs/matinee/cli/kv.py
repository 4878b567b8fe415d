"""`matinee kv`: versions of served datasets: build, judge, activate, go back, collect."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import click

from matinee.cli.kv_delta import delta
from matinee.cli.kv_entries import forget, get
from matinee.cli.kv_shown import every, facts, named, show, show_pointer, versions_of
from matinee.cli.options import DAY, user
from matinee.cli.output import ERR, emit, output_option, working
from matinee.contracts.registry import Registry
from matinee.settings import load_settings


@click.group()
def kv() -> None:
    """Served datasets: versions of a key-value store, built in bulk from published snapshots (`serve.yaml`)."""


def dataset_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument DATASET."""
    return click.argument("dataset")(command)


def reason_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--reason TEXT`."""
    return click.option("--reason", default="", help="Why; `kv show` says so.")(command)


@kv.command()
@click.argument("datasets", metavar="[DATASET]...", nargs=-1)
@output_option
def check(datasets: tuple[str, ...], output: str) -> None:
    """Check the `serve.yaml` of DATASETs (default: all that are served); exit 1 if anything is wrong.

    \b
    Example:
      matinee kv check features.title_daily
    """
    from matinee.serving.declaration import check as check_file
    from matinee.serving.declaration import served

    registry = Registry.load(load_settings().sql_dir)
    contracts = [registry.get(name) for name in datasets] or served(registry)
    problems = [problem for contract in contracts for problem in check_file(contract)]
    rows = [{"file": problem.file, "line": problem.line, "reason": problem.reason} for problem in problems]
    emit(rows, output, empty=f"{len(contracts)} served datasets are declared well.")
    if problems:
        raise click.exceptions.Exit(1)


@kv.command()
@dataset_argument
@click.option("--key", type=DAY, help="Newest day of the version; default: the newest valid day.")
@click.option("--activate", "is_activated", is_flag=True, help="Activate the version if it passes its gate.")
@output_option
def build(dataset: str, key: date | None, is_activated: bool, output: str) -> None:
    """Build a version of DATASET from its published rows, and judge it; rows that have not changed are built once.

    A build that was cut off goes on where it was.

    \b
    Example:
      matinee kv build features.title_daily --key 2026-03-01 --activate
    """
    from matinee.serving.activation import activate
    from matinee.serving.building import build as build_version
    from matinee.serving.step import judged
    from matinee.serving.versions import Versions
    from matinee.table.catalog import Lake

    settings = load_settings()
    lake = Lake.open(settings)
    tell = (lambda _: None) if output == "json" else ERR.print
    with working(f"Building a version of {dataset} …", output):
        manifest = build_version(lake, dataset, key, tell)
    with working(f"Judging {manifest.version} …", output):
        gate = judged(lake, dataset, manifest)
    versions = Versions.of(settings, dataset)
    pointer = activate(versions, manifest.version, user()) if is_activated else versions.pointer()
    show(versions, manifest, gate, pointer, output)
    if not gate.has_passed:
        raise click.exceptions.Exit(1)


@kv.command(name="list")
@click.argument("datasets", metavar="[DATASET]...", nargs=-1)
@output_option
def list_(datasets: tuple[str, ...], output: str) -> None:
    """Show the versions of DATASETs (default: all that are served), by key, and which are active.

    \b
    Example:
      matinee kv list --output json
    """
    settings, rows = load_settings(), list[dict[str, object]]()
    for versions in every(settings, datasets):
        pointer = versions.pointer()
        for version in versions.names():
            manifest = versions.find(version)
            known = facts(versions, manifest, pointer) if manifest else {}
            shown = {name: known.get(name) for name in ("key", "keys", "bytes", "built", "vtts", "withdrawn")}
            state = versions.state(version, pointer)
            rows.append({"dataset": versions.dataset, "version": version, "state": state, **shown})
    emit(rows, output, empty="Nothing is built yet: `matinee kv build DATASET`.")


@kv.command(name="show")
@dataset_argument
@click.argument("version", required=False)
@output_option
def show_(dataset: str, version: str | None, output: str) -> None:
    """Show a VERSION of DATASET (default: the active version): rows, shards, verdicts, and who activated it when.

    \b
    Example:
      matinee kv show features.title_daily
    """
    versions = versions_of(load_settings(), dataset)
    pointer = versions.pointer()
    manifest = versions.manifest(named(version, pointer, dataset))
    show(versions, manifest, versions.gate(manifest.version), pointer, output)


@kv.command()
@dataset_argument
@click.argument("version", required=False)
@output_option
def verify(dataset: str, version: str | None, output: str) -> None:
    """Open a VERSION of DATASET (default: the active version), read it whole and judge it again; exit 1 if it fails.

    \b
    Example:
      matinee kv verify features.title_daily 20260301_0a1b2c3d4e
    """
    from matinee.serving.gate import judge
    from matinee.table.catalog import Lake

    settings = load_settings()
    versions = versions_of(settings, dataset)
    pointer = versions.pointer()
    name = named(version, pointer, dataset)
    with working(f"Judging {name} …", output):
        gate = judge(Lake.open(settings), dataset, name)
    show(versions, versions.manifest(name), gate, pointer, output)
    if not gate.has_passed:
        raise click.exceptions.Exit(1)


@kv.command()
@dataset_argument
@click.argument("version")
@click.option("--force", is_flag=True, help="Although it did not pass its gate; needs --reason.")
@reason_option
@output_option
def activate(dataset: str, version: str, force: bool, reason: str, output: str) -> None:
    """Make VERSION of DATASET the active version; servers swap to it between two calls.

    \b
    Example:
      matinee kv activate features.title_daily 20260301_0a1b2c3d4e
    """
    from matinee.serving.activation import activate as activate_version

    versions = versions_of(load_settings(), dataset)
    show_pointer(dataset, activate_version(versions, version, user(), reason, force=force), output)


@kv.command()
@dataset_argument
@click.option("--to", "version", help="Default: the version that was active before.")
@reason_option
@output_option
def rollback(dataset: str, version: str | None, reason: str, output: str) -> None:
    """Go back to an earlier version of DATASET.

    \b
    Example:
      matinee kv rollback features.title_daily --reason "wrong labels"
    """
    from matinee.serving.activation import rollback as go_back

    versions = versions_of(load_settings(), dataset)
    show_pointer(dataset, go_back(versions, user(), reason, version), output)


@kv.command()
@click.argument("datasets", metavar="[DATASET]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@output_option
def gc(datasets: tuple[str, ...], dry_run: bool, output: str) -> None:
    """Delete versions beyond those that `serve.yaml` keeps, and what builds that died have left.

    \b
    Example:
      matinee kv gc --dry-run
    """
    from matinee.serving.building import LEASE
    from matinee.serving.collecting import collect, leftovers
    from matinee.serving.declaration import load
    from matinee.table.catalog import Lake
    from matinee.table.leases.holders import hold_patiently

    settings, rows = load_settings(), list[dict[str, object]]()
    lake = Lake.open(settings)
    for versions in every(settings, datasets):
        with hold_patiently(lake, versions.dataset, LEASE, timedelta(0)):
            for leftover in leftovers(versions, load(lake.registry.get(versions.dataset))):
                if not dry_run:
                    collect(versions, leftover)
                told = {"dataset": versions.dataset, "version": leftover.version, "why": leftover.why}
                rows.append({**told, "done": "would go" if dry_run else "gone"})
    emit(rows, output, empty="There is nothing to collect.")


kv.add_command(delta)
kv.add_command(forget)
kv.add_command(get)
