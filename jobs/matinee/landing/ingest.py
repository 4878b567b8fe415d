"""Landing: files become rows of `raw.*` and of the quarantine, manifests become declarations of days.

The only step that reads the clock, once: for the received time of rows that state none.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from matinee import faults
from matinee.contracts.registry import Registry
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_tables import append
from matinee.errors import CommitConflictError, ConservationError, LandingRefusedError, UsageError
from matinee.landing import landed_files
from matinee.landing import parse as rows_of
from matinee.landing.declarations import close, land_manifest, landed_manifests
from matinee.landing.model import QUARANTINE, Landing
from matinee.report import Report, Rows
from matinee.settings import Settings
from matinee.sources.files.scan import Found, LandingFile, find, refuse_changed, scan
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.manifests import MANIFESTS, Manifest

log = logging.getLogger(__name__)
MANIFEST_WORD = "manifest"
Engine = Callable[[], SparkSession]
#: What Iceberg says where a branch was dropped meanwhile.
_NO_BRANCH = "Cannot use branch (does not exist)"


def landable(registry: Registry) -> dict[str, str]:
    """Return the raw datasets that files are landed for, by the word that their files' names start with."""
    return {one.name: one.dataset for one in registry.all() if one.namespace == "raw" and one.day_column}


def ingest(
    settings: Settings, dataset: str | None, paths: Iterable[str | Path], received_at: datetime | None = None
) -> list[Report]:
    """Land files; the same bytes landed twice add nothing. Manifests come last, after the rows that they count.

    Args:
        settings: which lake, and what runs it.
        dataset: what the files are for; None tells it from their names.
        paths: files, directories and globs, here or under `s3://` (Spark then needs a Hadoop file system for it).
        received_at: the received time of rows that state none; default: now.

    Returns:
        A report a file, in the order of landing.

    Raises:
        UsageError: no file is there, or its dataset cannot be told.
        LandingRefusedError: files are truncated, unreadable, of an unknown kind or changed; the others were landed.
        ConservationError: rows were lost or doubled on the way; nothing of the file was landed.
    """
    lake = Lake.open(settings)
    landed_at = _utc(received_at)
    named = {**landable(lake.registry), MANIFEST_WORD: MANIFESTS}
    found = find(settings, named, _checked(lake.registry, dataset, named.values()), paths)
    reports: list[Report] = []
    refused: list[LandingRefusedError] = []
    known = {one: _known(lake, one) for one in {one.dataset for one in found}}
    with ExitStack() as stack:
        engine = cache(lambda: stack.enter_context(spark_session(settings)))
        for one in found:
            try:
                reports.append(_ingest_file(lake, one, known[one.dataset], landed_at, engine))
            except LandingRefusedError as error:
                # One bad file must not keep the others of a directory from landing, today and at every later try.
                log.error("%s", error)
                refused.append(error)
    if refused:
        raise _all_refused(refused, len(found))
    return reports


def close_through(
    settings: Settings, dataset: str | None, day: date, received_at: datetime | None = None
) -> tuple[Manifest, ...]:
    """Declare complete, with the rows that it has, every day from the lake's first one through `day`.

    A lake that has no first day yet begins with the first of the landed days that lead to `day` without more than a
    week between two of them: a row of a wrong clock opens no lake years earlier. So it is with days of history that
    were landed, and days that lie between: they are closed by a `day` among them.

    Args:
        settings: which lake.
        dataset: a raw dataset; None closes the same days of all, from the first day that any of them has.
        day: the last day, included.
        received_at: when it was declared; default: now.

    Returns:
        What was declared; days that stand so already are left out.

    Raises:
        UsageError: nothing was landed up to that day, or it lies beyond tomorrow.
    """
    lake = Lake.open(settings)
    chosen = _checked(lake.registry, dataset, landable(lake.registry).values())
    datasets = [chosen] if chosen else list(landable(lake.registry).values())
    return close(lake, datasets, day, _utc(received_at))


def _known(lake: Lake, dataset: str) -> dict[str, Landing]:
    """Return what was landed for a dataset: files by their SHA-256, manifests by their path."""
    return landed_manifests(lake) if dataset == MANIFESTS else landed_files.landed(lake, dataset)


def _ingest_file(lake: Lake, found: Found, known: dict[str, Landing], landed_at: datetime, engine: Engine) -> Report:
    file = scan(lake.settings, found.file)
    if found.dataset == MANIFESTS:
        known[file.file], report = _land_manifest(lake, file, known.get(file.file), landed_at)
        return report
    if file.sha256 in known:
        return _report(known[file.sha256], already=True)
    known[file.sha256], report = _land(lake, found.dataset, file, landed_at, engine())
    return report


def _land(
    lake: Lake, dataset: str, file: LandingFile, landed_at: datetime, spark: SparkSession
) -> tuple[Landing, Report]:
    # A landing that was cut off after its bad rows goes on with the time that it began with: which rows are bad
    # depends on it.
    begun = landed_files.quarantined(lake, dataset, file.sha256)
    at = begun.received_ts if begun else landed_at
    contract = lake.registry.get(dataset)
    lake.ensure(QUARANTINE)  # Also where nothing is bad: its readers find no rows, not no table.
    parsed = rows_of.parse_file(spark, contract, file, at).persist()
    try:
        counts = rows_of.count(parsed)
        counted = (counts.good, counts.quarantined, counts.unknown_fields)
        landing = Landing(dataset, file.file, file.sha256, file.rows, *counted, at, reasons=counts.bad)
        _check_conservation(lake, file, landing, begun)
        rows_of.check_sample(rows_of.landed_rows(parsed, contract, 0), contract)
        if counts.bad:
            begun, _ = landed_files.commit(lake, QUARANTINE, landing, partial(_write_bad, lake, file, parsed))
        faults.reach("ingest.after_quarantine")
        if begun is not None and begun.received_ts != at:
            # Another process lands the same bytes and was first: this one goes on as that one began.
            return _land(lake, dataset, file, at, spark)
        done, is_new = landed_files.commit(lake, dataset, landing, partial(_write_good, lake, file, parsed))
    finally:
        parsed.unpersist()
    faults.reach("ingest.after_raw")
    if is_new:
        landed_files.register(lake, [done])
    return done, _report(done, already=not is_new, reasons=counts.bad)


def _check_conservation(lake: Lake, file: LandingFile, landing: Landing, begun: Landing | None) -> None:
    accounted = landing.rows_landed + landing.rows_quarantined
    if landing.rows_in != accounted or (begun and begun.rows_quarantined != landing.rows_quarantined):
        refuse_changed(lake.settings, file)
        before = f"; an earlier try put {begun.rows_quarantined} into the quarantine" if begun else ""
        raise ConservationError(
            f"{landing.file} has {landing.rows_in} rows, of which {landing.rows_landed} are good and "
            f"{landing.rows_quarantined} bad{before}.",
            next_step="Nothing was landed by this try. Land a copy that nobody writes to any more.",
            facts={"file": landing.file, "dataset": landing.dataset, "sha256": landing.sha256},
        )


def _write_bad(lake: Lake, file: LandingFile, parsed: DataFrame, landing: Landing) -> None:
    contract, seq = lake.registry.get(QUARANTINE), landing.landing_seq
    _append(lake, file, rows_of.quarantined_rows(parsed, contract, landing.dataset, seq), QUARANTINE, landing)


def _write_good(lake: Lake, file: LandingFile, parsed: DataFrame, landing: Landing) -> None:
    contract = lake.registry.get(landing.dataset)
    _append(lake, file, rows_of.landed_rows(parsed, contract, landing.landing_seq), landing.dataset, landing)
    faults.reach("ingest.after_write")


def _append(lake: Lake, file: LandingFile, rows: DataFrame, target: str, landing: Landing) -> None:
    try:
        append(rows, lake.settings, target, landing.branch, landing.to_summary())
    except PySparkException as error:
        # The other process may have made the branch anew by now: what Spark met counts as well.
        gone = _NO_BRANCH in str(error) or refs.reference(lake.table(target), landing.branch) is None
        if not gone:
            raise
        raise CommitConflictError(
            f"The branch of {landing.file} in {target} is gone: another process lands the same bytes.",
            next_step="Land it again: what is there already is not added twice.",
            facts={"file": landing.file, "table": target},
        ) from error
    # By now all was read that goes to main: the rows are those of the bytes that were hashed, or none is landed.
    refuse_changed(lake.settings, file)


def _land_manifest(lake: Lake, file: LandingFile, known: Landing | None, landed_at: datetime) -> tuple[Landing, Report]:
    if known is not None and known.sha256 == file.sha256:
        return known, _report(known, already=True)
    landing, days = land_manifest(lake, file, tuple(landable(lake.registry).values()), landed_at)
    return landing, _report(landing, already=not days).model_copy(update={"days": days})


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
    if received_at > now + rows_of.AHEAD:
        # A landing of the future would end every day before it that its history judges.
        raise UsageError(
            f"The landing time {received_at.isoformat()} lies in the future.",
            next_step="Give the time at which the files came, or none: it is now then.",
            facts={"received_at": received_at, "now": now},
        )
    return received_at.astimezone(UTC)


def _all_refused(refused: list[LandingRefusedError], files: int) -> LandingRefusedError:
    if len(refused) == 1 and files == 1:
        return refused[0]
    return LandingRefusedError(
        f"{len(refused)} of {files} files were refused: {' '.join(error.message for error in refused)}",
        next_step="The others were landed. Replace the refused ones, then land them.",
        facts={"files": ", ".join(str(error.facts.get("file")) for error in refused)},
    )


def _report(landing: Landing, *, already: bool = False, reasons: Mapping[str, int] | None = None) -> Report:
    details: dict[str, str | int] = {
        "file": landing.file,
        "sha256": landing.sha256,
        "landing_seq": landing.landing_seq,
        "already": "yes" if already else "no",
        "unknown_fields": json.dumps(dict(landing.unknown_fields), sort_keys=True),
        "reasons": json.dumps(dict(reasons or {}), sort_keys=True),
        "note": _note(landing, already),
    }
    counts = {"in": landing.rows_in, "out": landing.rows_landed, "quarantined": landing.rows_quarantined}
    return Report(
        step="ingest",
        dataset=landing.dataset,
        snapshot_id=landing.snapshot_id,
        rows=Rows.model_validate(counts),
        details=details,
    )


def _note(landing: Landing, already: bool) -> str:
    if already:
        return "was there already: nothing was added"
    unknown = ", ".join(f"{name} ({rows})" for name, rows in landing.unknown_fields.items())
    return f"unknown fields: {unknown}" if unknown else ""
