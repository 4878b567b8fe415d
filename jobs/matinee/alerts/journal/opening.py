"""Opening the journal that the settings name, for commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from matinee.alerts.journal.keeper import open_journal
from matinee.alerts.journal.store import Journal
from matinee.alerts.settings import AlertSettings, journal_file
from matinee.settings import load_settings


@contextmanager
def opened() -> Iterator[Journal]:
    """Open the journal for the length of a block.

    Raises:
        JournalUnavailableError: it cannot be used.
    """
    uri = AlertSettings().alerts_journal
    journal = open_journal(journal_file(load_settings()), uri.get_secret_value() if uri else None)
    try:
        yield journal
    finally:
        journal.close()
