"""Contenders: what runs, on which engine, as which kind, and with which settings to choose from."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from tests.bench import engines, ours
from tests.bench.jobs import Job
from tests.bench.peers import copies, duckdb_asof, polars_asof, spark_hinted, spark_range_join

Kind = Literal["transform", "cycle"]
Engine = Literal["spark", "sail", "duckdb", "polars"]
OURS: tuple[Engine, ...] = ("spark", "sail")
_SHUFFLES = tuple({"spark.sql.shuffle.partitions": str(count)} for count in (4, 16, 64))


@dataclass(frozen=True)
class Contender:
    """One way to derive both outputs; a floor only copies, so that its result is not compared.

    The first round runs all settings of a contender, further rounds run the best of them.
    """

    name: str
    engine: Engine
    start: Callable[[Job, dict[str, str]], AbstractContextManager[Any]]
    derive: Callable[[Any, Job], dict[str, list[str]]]
    kind: Kind = "transform"
    floor: bool = False
    settings: tuple[dict[str, str], ...] = ({},)


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("ours-spark", "spark", engines.spark, ours.transform),
        Contender("ours-sail", "sail", engines.sail, ours.transform_by_cell),
        Contender("ours-spark-cycle", "spark", engines.cycle_on_spark, ours.cycle, "cycle"),
        Contender("ours-sail-cycle", "sail", engines.cycle_on_sail, ours.cycle, "cycle"),
        Contender("spark-range-join", "spark", engines.spark, spark_range_join.run, settings=_SHUFFLES),
        Contender("spark-hinted", "spark", engines.spark, spark_hinted.shuffle_hash, settings=_SHUFFLES),
        Contender("spark-hinted-broadcast", "spark", engines.spark, spark_hinted.broadcast, settings=_SHUFFLES),
        Contender("duckdb-asof", "duckdb", engines.duckdb, duckdb_asof.run),
        Contender("polars-asof", "polars", engines.polars, polars_asof.run),
        Contender("spark-copy", "spark", engines.spark, copies.connect_copy, floor=True),
        Contender("sail-copy", "sail", engines.sail, copies.connect_copy, floor=True),
        Contender("duckdb-copy", "duckdb", engines.duckdb, copies.duckdb_copy, floor=True),
        Contender("polars-copy", "polars", engines.polars, copies.polars_copy, floor=True),
    )
}


def chosen(engines_of_ours: Iterable[str], only: Iterable[str] = ()) -> list[Contender]:
    """Return the contenders of a call: the named ones, else all but those on an engine of ours that was not chosen."""
    left_out, named = set(OURS) - set(engines_of_ours), set(only)
    available = [candidate for candidate in CONTENDERS.values() if candidate.engine not in left_out]
    return [candidate for candidate in available if not named or candidate.name in named]


def contend(contender: Contender, job: Job, options: dict[str, str]) -> dict[str, object]:
    """Run a contender once on an engine that is warm; return its seconds, those of its steps, and what it wrote.

    The answer also has the contender's other counts.
    """
    with contender.start(job, options) as engine:
        start = time.monotonic()
        files = contender.derive(engine, job)
        seconds = time.monotonic() - start
    return {"seconds": round(seconds, 3), "steps": job.seconds, "counts": job.counts, "files": files}
