"""Verification: what was written by one contender must be what was written by every other, column by column."""

from collections import Counter
from collections.abc import Mapping

from matinee.contracts.registry import Registry
from matinee.settings import default_sql_dir
from tests.bench.inputs import IMPRESSION_PLAYS

#: The values of an output by dataset and name: a sum, or the type and the order-free hash of a column.
Fingerprint = Mapping[str, str]


def fingerprint(files: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the fingerprint of the data files of both outputs."""
    import duckdb

    registry = Registry.load(default_sql_dir())
    digests: dict[str, str] = {}
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        for dataset, paths in files.items():
            connection.read_parquet(paths, hive_partitioning=False).create_view("output", replace=True)
            types = {name: kind for name, kind, *_ in connection.execute("DESCRIBE output").fetchall()}
            wanted = registry.get(dataset).column_names
            digests[f"{dataset} columns"] = ", ".join(sorted(types))
            taken = _taken(dataset, {name: types[name] for name in wanted if name in types})
            query = ", ".join(f'{expression} AS "{name}"' for name, expression in taken.items())
            values = connection.execute(f"SELECT {query} FROM output").fetchall()[0]
            for name, value in zip(taken, values, strict=True):
                digests[f"{dataset} {name}"] = f"{types.get(name, '')} {value}".strip()
    return digests


def disagreements(fingerprints: Mapping[str, Fingerprint]) -> dict[str, list[str]]:
    """Return, by contender, what differs from the value that most have; empty where all agree."""
    names = sorted({name for columns in fingerprints.values() for name in columns})
    differing: dict[str, list[str]] = {}
    for name in names:
        values = Counter(columns.get(name) for columns in fingerprints.values())
        usual = values.most_common(1)[0][0]
        for contender, columns in fingerprints.items():
            if columns.get(name) != usual:
                differing.setdefault(contender, []).append(name)
    return differing


def _taken(dataset: str, types: Mapping[str, str]) -> dict[str, str]:
    """Return the expressions to take of an output, by name; instants count in microseconds, whatever their zone."""
    plain = {name: f"epoch_us({name})" if kind.startswith("TIMESTAMP") else f'"{name}"' for name, kind in types.items()}
    taken = {"rows": "count(*)", "whole rows": f"sum(hash({', '.join(plain.values())})::HUGEINT)"}
    if dataset == IMPRESSION_PLAYS:
        taken |= {"sum of plays": "sum(plays)", "sum of watch_ms": "sum(watch_ms)"}
    return taken | {name: f"sum(hash({expression})::HUGEINT)" for name, expression in plain.items()}
