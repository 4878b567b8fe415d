"""The status of landing: what became of files, without landing any; and the batches of interrupted landings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from matinee.errors import MatineeError, NotLandedError
from matinee.landing import batches, landed_files
from matinee.landing.declarations import declarable, declarations, landed_manifests
from matinee.landing.ingest import found_files
from matinee.landing.model import Landing
from matinee.sources.files.read import read_blocks, read_rows
from matinee.sources.files.scan import Kind, LandingFile, scan, shown
from matinee.sources.found import Found
from matinee.table.catalog import Lake
from matinee.validity.look import Look
from matinee.validity.manifests import MANIFESTS

_TAKEN = "the next landing takes it; now: `matinee ingest --from FILE`"


@dataclass(frozen=True)
class FileStatus:
    """What became of a file: `landed`, `copy` (of what was landed from another), `new`, `refused` or `prepared`."""

    dataset: str
    file: str
    state: str
    detail: str
    next_step: str


def status(lake: Lake, dataset: str | None, paths: Iterable[str | Path]) -> Iterator[FileStatus]:
    """Yield the files of batches that are prepared, then the files at some paths; nothing is landed.

    A path without files to land, or that cannot be listed, is itself reported as refused.
    """
    for name in (contract.dataset for contract in lake.registry.all() if contract.is_landed):
        for batch in batches.prepared(lake, name) if dataset in (None, name) else ():
            for file in batch.landings:
                then = "the next landing for the dataset, or the nightly upkeep, completes it or lands it again"
                yield FileStatus(name, file.file, "prepared", "its landing was cut off, or is at work", then)
    files, unlisted = found_files(lake, dataset, paths)
    for path, error in unlisted:
        yield FileStatus(dataset or "", shown(path), "refused", error.message, error.next_step)
    for name in dict.fromkeys(file.dataset for file in files):
        some = [file for file in files if file.dataset == name]
        if name in lake.registry.left_out:
            yield from (_refused(file, lake.registry.left_out[name]) for file in some)
            continue
        yield from _of_manifests(lake, some) if name == MANIFESTS else _of_dataset(lake, name, some)


def _of_manifests(lake: Lake, files: list[Found]) -> Iterator[FileStatus]:
    known, look = landed_manifests(lake), Look(lake)
    for candidate in files:
        try:
            file = scan(lake.settings, candidate.file)
            landing = known.get(file.file)
            if landing is not None and landing.sha256 == file.sha256:
                yield _known(candidate, landing)
            else:
                declarations(look, file, declarable(lake.registry), datetime.now(UTC))
                yield FileStatus(MANIFESTS, file.file, "new", "", _TAKEN)
        except NotLandedError as error:
            yield _refused(candidate, error)


def _of_dataset(lake: Lake, dataset: str, files: list[Found]) -> Iterator[FileStatus]:
    seen = landed_files.seen(lake, dataset, {candidate.file for candidate in files})
    for candidate in files:
        try:
            known = seen.get((candidate.file, candidate.identity))
            file = None if known else scan(lake.settings, candidate.file)
            content = known[-1] if known else file.sha256 if file else ""
            is_dimension = lake.registry.get(dataset).kind == "dimension"
            landing = (
                landed_files.landed_snapshots(lake, dataset, [(candidate.file, content)])
                if is_dimension
                else landed_files.landed(lake, dataset, [content])
            )
            yield _known(candidate, *landing.values()) if landing else _new(lake, candidate, file)
        except NotLandedError as error:
            yield _refused(candidate, error)


def _refused(candidate: Found, error: MatineeError) -> FileStatus:
    return FileStatus(candidate.dataset, shown(candidate.file), "refused", error.message, error.next_step)


def _known(candidate: Found, landing: Landing) -> FileStatus:
    number = f"landing {landing.landing_seq}, {landing.rows_landed} rows, {landing.rows_quarantined} in the quarantine"
    if landing.file == candidate.file:
        return FileStatus(candidate.dataset, candidate.file, "landed", number, "")
    return FileStatus(candidate.dataset, candidate.file, "copy", f"of {landing.file}: {number}", "")


def _new(lake: Lake, candidate: Found, file: LandingFile | None) -> FileStatus:
    """Return that a file is to be landed, once it was read to its end without an error."""
    if file is not None:
        for _ in read_rows(lake.settings, file) if file.kind is Kind.PARQUET else read_blocks(lake.settings, file):
            pass
    return FileStatus(candidate.dataset, candidate.file, "new", "", _TAKEN)
