"""Landing: files become rows of `raw.*` and of the quarantine, manifests become declarations of days.

This is the only step that reads the clock, once: for the received time of rows that state none.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from matinee.contracts.registry import Registry
from matinee.errors import MatineeError, NotArchivedError, NotLandedError, RetiredError, UsageError, raise_foremost
from matinee.foreign import translating
from matinee.landing import rehashes
from matinee.landing.archive import archive
from matinee.landing.declarations import close, declarable, events, land_manifest, landed_manifests
from matinee.landing.lander import Outcome, land
from matinee.landing.model import Landing
from matinee.landing.parsing.judge import AHEAD
from matinee.landing.refusals import Refused, all_refused, all_staying
from matinee.report import Report, Rows
from matinee.settings import Settings
from matinee.sources.files.find import find_at, has_files, in_order, landable
from matinee.sources.files.scan import of_lines, scan
from matinee.sources.found import Found
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import gone
from matinee.validity.look import Look
from matinee.validity.manifests import MANIFESTS, Manifest

log = logging.getLogger(__name__)


def ingest(
    settings: Settings,
    dataset: str | None,
    paths: Iterable[str | Path],
    received_at: datetime | None = None,
    *,
    rehash: bool = False,
    is_nightly: bool = False,
    archive_to: str | None = None,
) -> list[Report]:
    """Land files; the same bytes landed twice add nothing. Manifests come last, after the rows that they count.

    Args:
        settings: which lake, and what runs it.
        dataset: the dataset that the files are for; None: their names tell it.
        paths: files, directories and globs, here or under `s3://`.
        received_at: the received time of rows that state none; default: now.
        rehash: also read files that are known by their times, and report those that hold other bytes.
        is_nightly: record what a rehash finds: alerts tell of it, and of a dataset that is not read again any more.
        archive_to: a folder that landed files are moved to; default: they stay where they are.

    Returns:
        A report for each file, in the order of landing.

    Raises:
        UsageError: no file is at the only path, or its dataset cannot be told.
        LandingRefusedError: files are truncated, unreadable, of an unknown kind or changed, or paths have no file or
            cannot be listed, or some are for a retired dataset; the others were landed.
        LandingUnreachableError: the storage of some files does not answer now; the others were landed.
        RetiredError: the only file is for a retired dataset.
        NotArchivedError: files could not be moved to `archive_to`; all were landed.
        ConservationError: rows were lost or doubled on the way; nothing of the file was landed.
        LeaseHeldError: another process landed for the dataset all the time.
    """
    lake = Lake.open(settings)
    landed_at = _utc(received_at)
    all_files, unlisted = found_files(lake, dataset, paths)
    outcomes, failed = land_each(lake, all_files, landed_at, rehash=rehash)
    if rehash and is_nightly:  # By hand some files are read, once: that says nothing of the others and the next night.
        rehashes.record(lake, sorted({outcome.dataset for outcome in outcomes} - {MANIFESTS}), outcomes)
    moved, staying = _archived(settings, outcomes, archive_to)
    refused = [*(error for _, error in unlisted), *(outcome.refused for outcome in outcomes if outcome.refused)]
    for error in (*refused, *staying):
        log.error("%s", error)
    raise_foremost(failed)
    if refused:
        # One bad file or folder must not keep the others from landing, today and at every later try.
        raise all_refused(refused, len(all_files) + len(unlisted))
    if staying:
        raise all_staying(staying, len(all_files))
    return [_report(outcome, moved.get(outcome.file, "")) for outcome in outcomes]


def land_each(
    lake: Lake, content: Sequence[Found], landed_at: datetime, *, rehash: bool = False
) -> tuple[list[Outcome], list[MatineeError]]:
    """Land content of any source, dataset by dataset; manifests come last, after the rows that they count.

    Returns:
        What became of each file or page, in the order of landing; those that were refused keep no other from landing.
        And the errors of the datasets whose tables cannot be read or written: the others were landed.
    """
    outcomes, failed = list[Outcome](), list[MatineeError]()
    for name in sorted(dict.fromkeys(each.dataset for each in content), key=lambda dataset: dataset == MANIFESTS):
        some = [each for each in content if each.dataset == name]
        try:
            with translating():
                if name == MANIFESTS:
                    outcomes += _manifests(lake, some, landed_at)
                else:
                    outcomes += _events(lake, name, some, landed_at, rehash=rehash)
        except MatineeError as error:
            failed.append(error)
    return outcomes, failed


def found_files(
    lake: Lake, dataset: str | None, paths: Iterable[str | Path]
) -> tuple[list[Found], list[tuple[str, UsageError | NotLandedError]]]:
    """Return the landing files at some paths, with their datasets; and the paths without files, with their errors."""
    named = landable(lake.registry)
    chosen = _checked(lake.registry, dataset, named.values())
    files: list[Found] = []
    unlisted: list[tuple[str, UsageError | NotLandedError]] = []
    for path in map(str, paths):
        try:
            files += find_at(lake.settings, named, chosen, path)
        except (UsageError, NotLandedError) as error:
            unlisted.append((path, error))
    return in_order(named, files), unlisted


def close_through(
    settings: Settings, dataset: str | None, day: date, received_at: datetime | None = None
) -> tuple[Manifest, ...]:
    """Close every day from the lake's first day through `day`: declare each complete with the rows that it has.

    A lake that has no first day yet begins with the first landed day from which no gap of more than a week follows up
    to `day`: so a row of a wrong clock does not make the lake begin years earlier. Landed days before such a gap stay
    open; a call with a `day` among them closes them.

    Args:
        settings: which lake.
        dataset: a raw dataset; None closes the same days of all raw datasets, from the first day that any of them has.
        day: the last day, included.
        received_at: when it was declared; default: now.

    Returns:
        The new declarations; days that are already declared so are left out.

    Raises:
        UsageError: nothing was landed up to that day, it lies beyond tomorrow, or many days without rows would be
            declared in a lake of which nobody has named the first day.
        ContractError: all raw datasets of a lake without a first day are to be closed, and a contract cannot be used:
            the days of its dataset may be the first.
    """
    lake = Lake.open(settings)
    chosen = _checked(lake.registry, dataset, events(lake.registry))
    if chosen is None and Look(lake).valid_from is None:
        lake.registry.require_all("No day is closed, as not every dataset is known")
    retired = gone(lake)
    datasets = [chosen] if chosen else [name for name in events(lake.registry) if name not in retired]
    return close(lake, datasets, day, _utc(received_at))


def _events(
    lake: Lake, dataset: str, files: Sequence[Found], landed_at: datetime, *, rehash: bool
) -> Iterable[Outcome]:
    try:
        yield from land(lake, dataset, files, landed_at, rehash=rehash)
    except RetiredError as error:
        yield from (Outcome(file.file, dataset, refused=error) for file in files)


def _manifests(lake: Lake, files: Iterable[Found], landed_at: datetime) -> Iterable[Outcome]:
    known = landed_manifests(lake)
    for candidate in files:
        try:
            file = of_lines(candidate) if candidate.content is not None else scan(lake.settings, candidate.file)
            last = known.get(file.file)
            if last is not None and last.sha256 == file.sha256:
                yield Outcome(candidate.file, MANIFESTS, last)
                continue
            known[file.file], days = land_manifest(lake, file, declarable(lake.registry), landed_at)
            yield Outcome(candidate.file, MANIFESTS, known[file.file], is_new=bool(days), days=days)
        except NotLandedError as error:
            yield Outcome(candidate.file, MANIFESTS, refused=error)


def _archived(
    settings: Settings, outcomes: Iterable[Outcome], folder: str | None
) -> tuple[dict[str, str], list[NotArchivedError]]:
    """Move landed files to a folder; return what became of each file, and the errors of the files that stay."""
    moved: dict[str, str] = {}
    staying: list[NotArchivedError] = []
    for outcome in outcomes:
        if folder and outcome.landing:
            try:
                moved[outcome.file] = archive(settings, outcome.file, outcome.landing, folder)
            except NotArchivedError as error:
                staying.append(error)
    return moved, staying


def _checked(registry: Registry, dataset: str | None, known: Iterable[str]) -> str | None:
    names = tuple(known)
    if dataset is not None and registry.get(dataset).dataset not in names:
        raise UsageError(
            f"Files are not landed for {dataset}.",
            next_step=f"Name one of {', '.join(names)}.",
            facts={"dataset": dataset},
        )
    return dataset


def _utc(received_at: datetime | None) -> datetime:
    now = datetime.now(UTC)
    if received_at is None:
        return now
    if received_at.tzinfo is None:
        raise UsageError(
            f"The landing time {received_at.isoformat()} has no time zone.",
            next_step="Give it with its offset, such as 2026-03-01T12:00:00+00:00.",
            facts={"received_at": received_at},
        )
    if received_at > now + AHEAD:
        # The landing history would take every day before a landing of the future as over.
        raise UsageError(
            f"The landing time {received_at.isoformat()} lies in the future.",
            next_step="Give the time at which the files came, or none: it is now then.",
            facts={"received_at": received_at, "now": now},
        )
    return received_at.astimezone(UTC)


def _report(outcome: Outcome, moved: str) -> Report:
    landing = outcome.landing or Landing(outcome.dataset, outcome.file, "", 0, 0, 0, {}, datetime.now(UTC))
    details: dict[str, str | int] = {
        "file": landing.file,
        "sha256": landing.sha256,
        "landing_seq": landing.landing_seq,
        "already": "no" if outcome.is_new else "yes",
        "unknown_fields": json.dumps(dict(landing.unknown_fields), sort_keys=True),
        "reasons": json.dumps(dict(landing.reasons), sort_keys=True),
        "note": "; ".join(filter(None, (_note(outcome, landing), moved))),
    }
    counts = {"in": landing.rows_in, "out": landing.rows_landed, "quarantined": landing.rows_quarantined}
    return Report(
        step="ingest",
        dataset=landing.dataset,
        snapshot_id=landing.snapshot_id,
        rows=Rows.model_validate(counts),
        details=details,
        days=outcome.days,
    )


def _note(outcome: Outcome, landing: Landing) -> str:
    if outcome.differs:
        return "other bytes than were landed from it, though its times are the same: landed as a new file"
    if outcome.is_later:
        return "was written to or moved away meanwhile: what is there lands the next time"
    if not outcome.is_new:
        return "was there already: nothing was added"
    unknown = ", ".join(f"{name} ({rows})" for name, rows in landing.unknown_fields.items())
    return f"unknown fields: {unknown}" if unknown else ""


def step(
    settings: Settings,
    from_: Annotated[Sequence[str], "files, directories or globs"],
    dataset: str | None = None,
    rehash: Annotated[Literal["yes", "no"], "read files that are known by their times, too; default: no"] = "no",
) -> Report:
    """Land files, of one raw dataset or each by its name; a folder without such files is no error, a missing one is.

    A rehash is that of the night: what it finds is recorded.

    Raises:
        LandingRefusedError: a folder is missing, or as `ingest`; the files of the others were landed.
    """
    sources, missing = list[str](), list[Refused]()
    for pattern in from_:
        try:
            sources += [pattern] if has_files(settings, pattern) else []
        except NotLandedError as error:
            missing.append(error)
            log.error("%s", error)  # Also where files of other folders are refused.
    reports = ingest(settings, dataset, sources, rehash=rehash == "yes", is_nightly=True) if sources else []
    if rehash == "yes" and dataset and not sources and not missing:
        rehashes.record(Lake.open(settings), [dataset], ())
    if missing:
        raise all_refused(missing, len(missing) + len(reports))
    rows = sum((Counter(report.rows.model_dump(by_alias=True)) for report in reports), Counter[str]())
    return Report(
        step="ingest",
        dataset=dataset or "",
        rows=Rows.model_validate(rows),
        snapshot_id=reports[-1].snapshot_id if reports else None,
        details={"files": len(reports)},
    )
