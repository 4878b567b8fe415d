"""`matinee kv get` and `matinee kv forget`: entries of served datasets."""

from pathlib import Path

import click

from matinee.cli.kv_shown import every
from matinee.cli.output import emit, output_option
from matinee.settings import load_settings


@click.command()
@click.argument("value")
@click.option("--dataset", "datasets", multiple=True, help="Default: all that are served.")
@output_option
def forget(value: str, datasets: tuple[str, ...], output: str) -> None:
    """Remove all entries whose keys begin with VALUE, such as a profile, from all versions of served datasets.

    Exit 1 where a dataset holds such values elsewhere than at the beginning of its key: its rows have to be erased
    first, then a version of them built. Rows of tables stay: a later version has them again unless they are erased.

    \b
    Example:
      matinee kv forget profile-7
    """
    from matinee.serving.declaration import load
    from matinee.serving.forgetting import forget as forget_entries
    from matinee.table.catalog import Lake

    settings, rows = load_settings(), list[dict[str, object]]()
    lake = Lake.open(settings)
    persons = {contract.cells.of for contract in lake.registry.all() if contract.cells.of}
    for versions in every(settings, datasets):
        declared = load(lake.registry.get(versions.dataset))
        held = [name for name in declared.columns if name in persons]
        if datasets or held[:1] == [declared.key.names[0]]:
            lost = forget_entries(lake, versions.dataset, declared.key.parse([value]))
            counts: dict[str, object] = {"entries": sum(lost.values()), "versions": len(lost), "left": None}
        elif held:
            counts = {"entries": None, "versions": None, "left": f"{held[0]} stays"}
        else:
            continue
        rows.append({"dataset": versions.dataset, **counts})
    emit(rows, output, empty="No served dataset has such values.")
    if any(row["left"] for row in rows):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("dataset")
@click.argument("key", metavar="[KEY]...", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many entries.")
@click.option("--at", "target", help="host:port of the server; default: as MATINEE_SERVING_* say.")
@click.option("--tls-ca", type=click.Path(path_type=Path, exists=True), help="PEM: who signs the server's certificate.")
@output_option
def get(dataset: str, key: tuple[str, ...], limit: int, target: str | None, tls_ca: Path | None, output: str) -> None:
    """Ask the server for the entry of a KEY of DATASET, or for the entries whose keys begin with these values.

    Exit 1 where there is no such entry.

    \b
    Example:
      matinee kv get features.title_daily title-7
    """
    from itertools import islice

    from matinee.serving.channel import Connection
    from matinee.serving.client import KeyValueClient
    from matinee.serving.settings import ServingSettings, token_of

    settings, serving = load_settings(), ServingSettings()
    place, token = target or f"{serving.host}:{serving.port}", token_of(settings, serving) or ""
    with KeyValueClient(Connection(place, token, tls_ca=tls_ca)) as client:
        columns = client.key_of(dataset)
        values = columns.parse(key)
        if len(values) == len(columns.names):
            entries = [client.get(dataset, *values)]
        else:
            entries = list(islice(client.scan(dataset, *values, page=limit), limit))
    rows = [
        {**dict(zip(columns.names, entry.key, strict=True)), **entry.values}
        for entry in entries
        if entry.values is not None
    ]
    if output == "json":
        emit(rows, output)
    else:
        emit(rows, output, title=f"version {entries[0].version.version}" if entries else "", empty="No such entry.")
    if not rows:
        raise click.exceptions.Exit(1)
