"""The entry point of the steps: arguments ▸ settings ▸ a step ▸ report; exit 0 done, 1 failed, 2 wrong call."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from glob import glob
from pathlib import Path

from matinee.days import parse_day
from matinee.errors import LeaseHeldError, MatineeError, UsageError, kind_named
from matinee.publication.request import RunRequest
from matinee.report import ErrorReport, Report, Rows
from matinee.settings import Settings, load_settings

log = logging.getLogger(__name__)
Step = Callable[[Settings, argparse.Namespace], Report]
WHAT = ("recover", "compact", "expire", "orphans")


def main(step: str | None = None, arguments: Sequence[str] | None = None) -> int:
    """Run one step and write its report, also where it fails; return the exit code.

    Args:
        step: write, audit, publish, ingest, maintain, heal, stream or parity; None: the first argument names it.
        arguments: those of the command line; None takes `sys.argv`.
    """
    from matinee.table.catalog import catalog_errors

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args([*([step] if step else []), *given])
    settings: Settings | None = None
    try:
        settings = load_settings()
        with catalog_errors(settings.warehouse_uri):
            report = STEPS[options.step](settings, options)
    except MatineeError as error:
        log.error("%s: %s", type(error).__name__, error)
        report = _failed(options, error)
    except Exception as error:
        log.exception("%s failed", options.step)
        report = _failed(options, error)
    _deliver(report, options.report, settings)
    if report.error is None:
        return 0
    return 2 if issubclass(kind_named(report.error.type) or MatineeError, UsageError) else 1


def read_report(uri: str, settings: Settings) -> Report | None:
    """Return the report that a step left at a path or object-store URI; None where it left none."""
    if "://" not in uri:
        return Report.read(Path(uri)) if Path(uri).is_file() else None
    from pyiceberg.io import load_file_io

    from matinee.table.catalog import catalog_properties

    stored = load_file_io(catalog_properties(settings), uri).new_input(uri)
    if not stored.exists():
        return None
    with stored.open() as stream:
        return Report.model_validate_json(stream.read())


def _deliver(report: Report, uri: str | None, settings: Settings | None) -> None:
    if uri is None:
        log.info("%s", report.model_dump_json(by_alias=True))
    elif "://" not in uri:
        report.write(Path(uri))
    elif settings is not None:
        from pyiceberg.io import load_file_io

        from matinee.table.catalog import catalog_properties

        with load_file_io(catalog_properties(settings), uri).new_output(uri).create(overwrite=True) as stream:
            stream.write(report.model_dump_json(by_alias=True).encode())


def _failed(options: argparse.Namespace, error: Exception) -> Report:
    return Report(
        step=options.step,
        dataset=getattr(options, "dataset", None) or "",
        key=getattr(options, "key", None),
        publication_id=getattr(options, "publication_id", None),
        error=ErrorReport.of(error),
    )


def _parser() -> argparse.ArgumentParser:
    example = "example: step.py write --dataset core.plays --key 2026-03-01 --attempt 1 --report report.json"
    parser = argparse.ArgumentParser(prog="step.py", description="Run one step and write its report.", epilog=example)
    steps = parser.add_subparsers(dest="step", metavar="NAME", required=True)
    for name, step in STEPS.items():
        _add_arguments(steps.add_parser(name, help=step.__doc__, description=step.__doc__), name)
    return parser


def _add_arguments(parser: argparse.ArgumentParser, step: str) -> None:
    parser.add_argument("--report", help="path or URI that gets the report; without it the report is logged")
    parser.add_argument("--dataset", required=step in {"write", "audit", "publish"})
    if step == "write":
        parser.add_argument("--key", required=True, help="the event day, YYYY-MM-DD")
        parser.add_argument("--attempt", required=True, help="distinguishes the attempts at a key")
    elif step in {"audit", "publish"}:
        parser.add_argument("--publication-id", required=True, help="what `write` reported")
    elif step == "ingest":
        parser.add_argument("--from", dest="paths", nargs="+", required=True, help="files, directories or globs")
    elif step == "heal":
        parser.add_argument("--now", required=True, help="the time that ages count from, ISO 8601")
    elif step == "stream":
        parser.add_argument("--servers", help="host:port of Kafka's brokers, separated by commas")
        parser.add_argument("--from", dest="folder", type=Path, help="a landing folder, where there is no Kafka")
    elif step == "parity":
        parser.add_argument("--key", help="the event day to compare, YYYY-MM-DD")
    elif step == "maintain":
        parser.add_argument("--what", required=True, choices=WHAT)
        parser.add_argument("--now", help="the time that ages count from, ISO 8601; for expire and orphans")


def _write(settings: Settings, options: argparse.Namespace) -> Report:
    """Derive the day of a dataset and write it to a branch of its own."""
    from matinee.publication.steps import write

    day = parse_day(options.key)
    return write(settings, RunRequest(options.dataset, day, day, attempt=options.attempt))


def _audit(settings: Settings, options: argparse.Namespace) -> Report:
    """Judge what stands on the branch."""
    from matinee.publication.steps import audit

    return audit(settings, options.dataset, options.publication_id)


def _publish(settings: Settings, options: argparse.Namespace) -> Report:
    """Move an audited change to main."""
    from matinee.publication.steps import publish

    return publish(settings, options.dataset, options.publication_id)


def _ingest(settings: Settings, options: argparse.Namespace) -> Report:
    """Land files, of one raw dataset or each by its name; no file there is nothing to do, not a fault."""
    from matinee.landing.ingest import ingest

    sources = [pattern for pattern in options.paths if "://" in pattern or glob(pattern)]  # noqa: PTH207 - absolute patterns
    reports = ingest(settings, options.dataset, sources) if sources else []
    return Report(
        step="ingest",
        dataset=options.dataset or "",
        rows=Rows.model_validate(
            {
                "in": sum(report.rows.read for report in reports),
                "out": sum(report.rows.out for report in reports),
                "quarantined": sum(report.rows.quarantined for report in reports),
                "duplicate": sum(report.rows.duplicate for report in reports),
            }
        ),
        snapshot_id=reports[-1].snapshot_id if reports else None,
        details={"files": len(reports)},
    )


def _maintain(settings: Settings, options: argparse.Namespace) -> Report:
    """Keep a lake in shape: recovery, compaction, expiry, orphan files."""
    from matinee.maintenance import compaction, upkeep
    from matinee.table.catalog import Lake

    if options.what == "recover":
        return upkeep.recover_all(settings)
    if not options.dataset:
        raise UsageError(f"--what {options.what} needs a dataset.", next_step="Add --dataset NAME.")
    if options.what != "compact" and not options.now:
        raise UsageError(
            f"--what {options.what} needs the time.", next_step="Add --now 2026-03-01T02:00Z, for example."
        )
    lake = Lake.open(settings)
    if not lake.exists(lake.registry.get(options.dataset).dataset):
        return Report(step=options.what, dataset=options.dataset, details={"note": "no table yet"})
    if options.what == "compact":
        return compaction.compact(settings, options.dataset)
    keep = upkeep.expire_snapshots if options.what == "expire" else upkeep.remove_orphans
    return keep(settings, options.dataset, _moment(options.now))


def _heal(settings: Settings, options: argparse.Namespace) -> Report:
    """Repair what late rows changed, and judge the days that lack rows."""
    from matinee.healing.healer import look
    from matinee.healing.register import spent

    try:
        made = look(settings, _moment(options.now), lambda one: log.info("%s", one))
    except LeaseHeldError as error:  # Raised before anything was done.
        return Report(step="heal", dataset="", details={"note": error.message})
    details: dict[str, str | int] = {
        kind: sum(one.decision == kind for one in made) for kind in ("heal", "wait", "human")
    }
    return Report(step="heal", dataset="", details=details | {"cells": spent(made).cells})


def _stream(settings: Settings, options: argparse.Namespace) -> Report:
    """Land what the source holds by now, and bring the live tables up to it; a paused stream is left alone."""
    from matinee.live.register import paused
    from matinee.live.tick import source_of, tick
    from matinee.table.catalog import Lake

    pause = paused(Lake.open(settings))
    if pause is not None:  # Whoever paused it knows; the tick that its own checks pause fails.
        return Report(step="stream", dataset="", details={"note": f"paused: {pause.reason}"})
    if options.folder is not None and not options.folder.is_dir() and options.servers is None:
        return Report(step="stream", dataset="", details={"note": f"nothing has come to {options.folder} yet"})
    try:
        done = tick(settings, source_of(options.servers, options.folder))
    except LeaseHeldError as error:
        return Report(step="stream", dataset="", details={"note": error.message})
    landed, bad = (sum(getattr(one, name) or 0 for one in done) for name in ("rows_landed", "rows_quarantined"))
    rows = Rows.model_validate({"in": landed + bad, "out": landed, "quarantined": bad})
    took = round(sum(sum(one.seconds.values()) for one in done))
    return Report(step="stream", dataset="", rows=rows, details={"batches": len(done), "catch_up_s": took})


def _parity(settings: Settings, options: argparse.Namespace) -> Report:
    """Compare a live day with its publication; without a day, remove the live days that have been mature for long."""
    if options.key is None:
        from matinee.live.repair import expire

        return Report(step="parity", dataset="", details={"expired_through": str(expire(settings))})
    from matinee.parity.gate import judge

    day = parse_day(options.key)
    found = judge(settings, day)
    details = {"rows": sum(one.rows for one in found), "late": sum(one.arrived_after_batch for one in found)}
    return Report(step="parity", dataset="", key=options.key, days=(day,), details=details)


def _moment(text: str) -> datetime:
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise UsageError(f"'{text}' is not a time with its offset.", next_step="Write 2026-03-01T02:00Z, for example.")


STEPS: Mapping[str, Step] = {
    "write": _write,
    "audit": _audit,
    "publish": _publish,
    "ingest": _ingest,
    "maintain": _maintain,
    "heal": _heal,
    "stream": _stream,
    "parity": _parity,
}
