"""The landing of files of a raw dataset: files with new content become batches."""

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from matinee import retries
from matinee.contracts.ddl import iceberg_schema
from matinee.errors import CommitConflictError, FileChangedError, LandingUnreachableError, NotLandedError, RetiredError
from matinee.landing import batches, landed_files
from matinee.landing.model import QUARANTINE, Batch, Landing
from matinee.landing.writing.data_files import Target
from matinee.landing.writing.parts import Part, Written
from matinee.landing.writing.workers import write_parts
from matinee.settings import Settings
from matinee.sources.files.read import changed
from matinee.sources.files.scan import Kind, LandingFile, filesystem, identity, of_lines, reaching, scan, unreadable
from matinee.sources.found import Found
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.files import landing_seq
from matinee.table.leases.lease import Lease

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: The most files that are looked at under one lease; the bytes of a batch, and of the part that one process writes. For
#: a smaller part, another process costs more CPU and wall time than it saves.
FILES, BATCH_BYTES, PART_BYTES = 2_000, 1 << 30, 64 << 20
#: The content of a gzipped file is about so many times as large as the file.
GZIP_RATIO = 8
TRIES = 5


@dataclass(frozen=True)
class Outcome:
    """What became of a file: it was landed, now or before, is left for later, or was refused.

    `differs`: the file was known by its times, but holds other bytes than were landed from it.
    """

    file: str
    dataset: str
    landing: Landing | None = None
    is_new: bool = False
    is_later: bool = False
    differs: bool = False
    refused: NotLandedError | RetiredError | None = None
    days: tuple[date, ...] = ()


def land(
    lake: Lake, dataset: str, files: Sequence[Found], landed_at: datetime, *, rehash: bool = False
) -> Iterator[Outcome]:
    """Land files, or the lines of another source, for a raw dataset; yield what became of each, in their order.

    With `rehash`, files that are known by their times are read, too.

    Raises:
        LeaseHeldError: another process landed for the dataset all the time.
        CommitConflictError: other processes committed first at every try.
        ConservationError: rows were lost or doubled on the way; nothing of their batch was landed.
    """
    for first in range(0, len(files), FILES):
        with batches.landing(lake, dataset) as lease:
            work = _Landing(lake, dataset, landed_at, lease)
            yield from _land_some(work, files[first : first + FILES], rehash=rehash)


@dataclass(frozen=True)
class _Landing:
    """The dataset and time of a landing, and the lease that it holds while it works."""

    lake: Lake
    dataset: str
    landed_at: datetime
    lease: Lease


def _land_some(work: _Landing, files: Sequence[Found], *, rehash: bool) -> Iterator[Outcome]:
    lake, dataset = work.lake, work.dataset
    seen = landed_files.seen(lake, dataset, {file.file for file in files})
    fresh = [file for file in files if rehash or (file.file, file.identity) not in seen]
    with ThreadPoolExecutor(lake.settings.spark_cores) as pool:
        read = dict(zip(fresh, pool.map(partial(_scanned, lake.settings), fresh), strict=True))
    contents = {file: scanned.sha256 for file, scanned in read.items() if isinstance(scanned, LandingFile)}
    contents |= {file: seen[file.file, file.identity][-1] for file in files if file not in read}
    if lake.registry.get(dataset).kind == "dimension":
        known = landed_files.landed_snapshots(lake, dataset, {(file.file, sha256) for file, sha256 in contents.items()})
    else:
        known = landed_files.landed(lake, dataset, set(contents.values()))
    new: dict[str, LandingFile] = {}
    for scanned in read.values():
        if isinstance(scanned, LandingFile) and scanned.sha256 not in known:
            new.setdefault(scanned.sha256, scanned)
    done, refused = _land_new(work, [*new.values()])
    again = [
        (landing, scanned.file, scanned.identity)
        for scanned in read.values()
        if isinstance(scanned, LandingFile) and scanned.identity
        for landing in (known.get(scanned.sha256), done.get(scanned.sha256))
        if landing is not None and (landing.file, landing.identity) != (scanned.file, scanned.identity)
    ]
    landed_files.note_seen(lake, again)
    for file in files:
        error = read.get(file)
        sha256 = contents.get(file, "")
        landing = done.get(sha256) or known.get(sha256)
        if landing is not None:
            is_new = sha256 in done and done[sha256].file == file.file
            differs = sha256 not in seen.get((file.file, file.identity), [sha256])
            yield Outcome(file.file, dataset, landing, is_new=is_new, differs=differs)
        else:
            why = error if isinstance(error, NotLandedError) else refused[new[sha256].file]
            is_later = isinstance(why, FileChangedError) and not file.is_named
            yield Outcome(file.file, dataset, is_later=is_later, refused=None if is_later else why)


def _scanned(settings: Settings, candidate: Found) -> LandingFile | NotLandedError:
    if candidate.content is not None:
        return of_lines(candidate)
    files = filesystem(settings, candidate.file)
    try:
        file = scan(settings, candidate.file)
        with reaching(file.file, unreadable):
            # Its writer may not be done: a file that is written in part is not landed.
            is_written = not candidate.is_named and identity(files, file.file) != candidate.identity
    except LandingUnreachableError as error:
        return error
    except NotLandedError as error:
        if candidate.identity and not candidate.is_named and not files.exists(candidate.file):
            return changed(candidate.file)  # It was moved away since it was found, perhaps to an archive.
        return error
    return changed(file.file) if is_written else file


def _land_new(work: _Landing, files: Sequence[LandingFile]) -> tuple[dict[str, Landing], dict[str, NotLandedError]]:
    """Land files whose contents are new; return the landings by SHA-256, and why files were refused, by file."""
    done: dict[str, Landing] = {}
    refused: dict[str, NotLandedError] = {}

    def once(some: Sequence[LandingFile]) -> None:
        work.lease.renew()
        written = _written(work, some)
        refused.update((str(error.facts["file"]), error) for error in written.refused)
        if written.landings:
            with retries.again_where_lost:
                done.update((landing.sha256, landing) for landing in _commit(work, written))

    for some in _by_bytes(files, BATCH_BYTES):
        retries.committed(partial(once, some), _overtaken(work), TRIES)
    return done, refused


def _commit(work: _Landing, written: Written) -> list[Landing]:
    batch_id = uuid.uuid4().hex
    landings = tuple(replace(landing, batch_id=batch_id) for landing in written.landings)
    if not work.lake.exists(QUARANTINE):
        work.lake.ensure(QUARANTINE)  # Also where nothing is bad: its readers find no rows, not no table.
    table = work.lake.ensure(work.dataset)
    if landing_seq(table) >= landings[0].landing_seq:
        raise _overtaken(work)
    batch = Batch(batch_id, work.dataset, landings, tuple(written.good), tuple(written.bad))
    return batches.commit(work.lake, batch)


def _overtaken(work: _Landing) -> CommitConflictError:
    return CommitConflictError(
        f"A stream landed in {work.dataset} meanwhile.",
        next_step="Land the files again.",
        facts={"dataset": work.dataset},
    )


def _written(work: _Landing, files: Sequence[LandingFile]) -> Written:
    """Write the rows of files to data files: by this process, or, where that pays, by several."""
    lake, contract = work.lake, work.lake.registry.get(work.dataset)
    tables = {dataset: lake.ensure(dataset) if lake.exists(dataset) else None for dataset in (work.dataset, QUARANTINE)}
    number = landing_seq(raw) if (raw := tables[work.dataset]) else 0
    numbered = {file: number for number, file in enumerate(files, number + 1)}
    good, bad = (_target(lake, dataset, table) for dataset, table in tables.items())
    parts = [
        Part(lake.settings, contract, tuple((numbered[file], file) for file in some), work.landed_at, good, bad)
        for some in _by_bytes(files, PART_BYTES)
    ]
    with catalog_errors(lake.settings.warehouse_uri):
        return write_parts(lake.settings, parts)


def _target(lake: Lake, dataset: str, table: "Table | None") -> Target:
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    contract = lake.registry.get(dataset)
    schema = table.schema() if table else iceberg_schema(contract)
    folder = f"{table.location() if table else lake.location(dataset)}/data"
    return Target(schema_to_pyarrow(schema), folder, tuple(field.column for field in contract.partitions))


def _by_bytes(files: Sequence[LandingFile], limit: int) -> Iterator[list[LandingFile]]:
    """Yield the files in groups of about so many bytes; a larger file is alone."""
    some, size = list[LandingFile](), 0
    for file in files:
        if some and size + _text_bytes(file) > limit:
            yield some
            some, size = [], 0
        some.append(file)
        size += _text_bytes(file)
    if some:
        yield some


def _text_bytes(file: LandingFile) -> int:
    return file.size * (GZIP_RATIO if file.kind is Kind.GZIPPED else 1)
