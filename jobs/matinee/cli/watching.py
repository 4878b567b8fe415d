"""Rows of `matinee doctor` on the watcher of alerts: whether one looks, and what it cannot see."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from matinee.alerts.journal.keeper import open_journal
from matinee.alerts.journal.tables import LOOKS
from matinee.alerts.settings import AlertSettings, journal_file
from matinee.cli.findings import finding
from matinee.errors import JournalUnavailableError
from matinee.settings import Settings

#: A watcher that has not looked for so long, or for so many times its interval, is dead or cannot write its journal.
LATE, TIMES = timedelta(minutes=10), 3


def watched(settings: Settings, now: datetime) -> Iterator[dict[str, object]]:
    """Say when the watcher last looked; a warning where it does not look, or cannot look for something."""
    ours = AlertSettings()
    uri, file = ours.alerts_journal, settings.home.absolute() / "alerts" / "journal.db"
    if uri is None and not file.is_file():
        return  # Nobody watches this lake.
    try:
        journal = open_journal(journal_file(settings), uri.get_secret_value() if uri else None)
        with journal.look() as entries:
            last = next(iter(entries.all(LOOKS, newest=1)), None)
        journal.close()
    except JournalUnavailableError as error:
        yield finding("alerts", "warning", error.message, error.next_step)
        return
    if last is None or now - last.at > max(LATE, TIMES * ours.every):
        detail = "no watcher looks" if last else "no watcher has looked yet"
        yield finding("alerts", "warning", detail, "`matinee alerts watch`, or `make up`", last.at if last else None)
    elif last.blind:
        detail = f"{last.holder} looks, but not for {', '.join(last.blind)}"
        then = "`matinee incident list` names what does not answer"
        if "failure" in last.blind:
            then += "; without MATINEE_ALERTS_AIRFLOW the watcher sees no task that failed"
        yield finding("alerts", "warning", detail, then, last.at)
    else:
        yield finding("alerts", "ok", f"{last.holder} looks", None, last.at)
