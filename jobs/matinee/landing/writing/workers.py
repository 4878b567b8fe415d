"""The workers that write the parts of a batch: this process, processes beside it, or tasks of the engine on a cluster.

The code is the same everywhere. Workers return landings and paths: no row goes through this process.
"""

import multiprocessing
import os
import pickle
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from matinee.errors import EngineFailedError
from matinee.landing.writing.parts import Part, Written, write_part
from matinee.settings import Settings
from matinee.sources.files.scan import is_local

if TYPE_CHECKING:
    import pyarrow as pa


def write_parts(settings: Settings, parts: Sequence[Part]) -> Written:
    """Write the parts of a batch, and return what came of all of them.

    Raises:
        ConservationError: rows were lost or doubled on the way; no snapshot knows any of them.
        EngineFailedError: a process died, or on a cluster a task failed too often.
    """
    if settings.task_mode != "connect":
        return _together(_by_engine(settings, parts))
    others = min(settings.spark_cores, len(parts)) - 1
    if not others:
        return _together(map(write_part, parts))
    # Forked workers share what this process has imported; they are forked before it starts threads to wait for them.
    # Threads of gRPC and of an object store's client do not live in a fork, but their locks may be held there for ever.
    places = (settings.warehouse_uri, *(file.file for part in parts for _, file in part.files))
    is_plain = "grpc" not in sys.modules and all(map(is_local, places))
    context = multiprocessing.get_context("fork" if is_plain else "forkserver")
    written: dict[int, Written] = {}
    numbers = iter(range(len(parts)))  # Shared by all: each part is taken once.

    def write_all(write: Callable[[Part], Written]) -> None:
        try:
            for number in numbers:
                written[number] = write(parts[number])
        finally:
            deque(numbers, 0)  # Where a part failed nobody takes another.

    try:
        with ProcessPoolExecutor(others, context, _begin) as pool, ThreadPoolExecutor(others) as threads:
            pool.submit(int).result()
            beside = [
                threads.submit(write_all, lambda part: pool.submit(write_part, part).result()) for _ in range(others)
            ]
            write_all(write_part)  # This process writes, too: a worker more would import the code once more.
            for waiting in beside:
                waiting.result()
    except BrokenProcessPool as error:
        raise EngineFailedError(
            "A process that wrote landed rows died: perhaps memory ran out.",
            next_step="Land again; where that recurs, lower MATINEE_SPARK_CORES or give the machine more memory.",
            facts={"workers": others + 1, "parts": len(parts)},
        ) from error
    return _together(written[number] for number in range(len(parts)))


def _together(parts: Iterable[Written]) -> Written:
    written = Written()
    for part in parts:
        written.landings += part.landings
        written.good += part.good
        written.bad += part.bad
        written.refused += part.refused
    return written


def _by_engine(settings: Settings, parts: Sequence[Part]) -> list[Written]:
    from matinee.engine.session import spark_session

    with spark_session(settings) as spark:
        rows = [(number, pickle.dumps(_without_secrets(part))) for number, part in enumerate(parts)]
        frame = spark.createDataFrame(rows, "number int, part binary").repartitionByRange(len(parts), "number")
        written = frame.mapInArrow(_write, "number int, written binary").orderBy("number").collect()
    return [pickle.loads(row["written"]) for row in written]  # noqa: S301 - of this program's own tasks


def _without_secrets(part: Part) -> Part:
    """Return a part as the engine may see it: its plans are logged, and no task needs the catalog."""
    hidden = {"catalog_uri": SecretStr("postgresql://")} if part.settings.catalog_uri else {}
    return replace(part, settings=part.settings.model_copy(update=hidden))


def _write(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
    """Write the parts that a task of the engine is given: of a task that is tried again only one result counts."""
    import pyarrow as pa

    for batch in batches:
        parts = map(pickle.loads, batch["part"].to_pylist())  # noqa: S301 - of this program alone
        written = [pickle.dumps(write_part(part)) for part in parts]
        yield pa.record_batch({"number": batch["number"], "written": pa.array(written, pa.binary())})


def _begin() -> None:
    """Start a worker. It ends when its parent process dies: nothing else would end it."""
    # A thread of the parent, such as a progress display's, may have held the locks of its streams.
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115 - as long as it lives
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
