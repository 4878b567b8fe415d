"""Reports of steps: of the try that failed, and of the last try of the same task that succeeded."""

import re
from pathlib import Path

from matinee.foreign import translating
from matinee.report import Report
from matinee.settings import Settings

#: Of so many reports of a task, the newest, the last success is looked for.
_NEWEST = 200


def read_report(uri: str, settings: Settings) -> Report | None:
    """Return the report that a step left at a path or object-store URI; None where it left none.

    Raises:
        MatineeError: the report cannot be read; see `foreign.translated`.
    """
    with translating(uri):
        if "://" not in uri:
            return Report.read(Path(uri)) if Path(uri).is_file() else None
        from pyiceberg.io import load_file_io

        from matinee.table.catalog import catalog_properties

        stored = load_file_io(catalog_properties(settings), uri).new_input(uri)
        if not stored.exists():
            return None
        with stored.open() as stream:
            return Report.model_validate_json(stream.read())


def last_success(settings: Settings, dag_id: str, task_id: str) -> Report | None:
    """Return the newest report without an error that a task of a DAG left in a folder of this machine, if any did."""
    if "://" in settings.reports or not Path(settings.reports).is_dir():
        return None
    named = re.compile(rf"{re.escape(dag_id)}\.[0-9a-f]{{8}}\.{re.escape(task_id)}(?:\.\d+)?\.\d+\.json")
    files = [file for file in Path(settings.reports).iterdir() if named.fullmatch(file.name)]
    newest = sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)[:_NEWEST]
    with translating(settings.reports):
        return next((report for report in map(Report.read, newest) if report.error is None), None)
