"""The journal that can be used now: PostgreSQL where it is configured and answers, else the file in the home.

The file is a copy of the server's newest entries while the server answers, and the journal itself while it does not.
What was written to the file meanwhile goes to the server as soon as that answers: of two versions of a record the newer
stays.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from matinee.alerts.journal.store import Journal, open_file, open_server
from matinee.alerts.journal.tables import SHELVES
from matinee.errors import JournalUnavailableError

log = logging.getLogger(__name__)
#: So much of the time before the last copy is copied again: transactions end later than their records say.
OVERLAP = timedelta(minutes=10)
#: How far back the first copy of a process goes, for what is over by now.
FIRST_COPY = timedelta(days=2)


class Keeper:
    """Opens the journal, and keeps the file and the server equal."""

    def __init__(self, file: Path, uri: str | None, open_remote: Callable[[str], Journal] = open_server) -> None:
        self._file, self._uri, self._open_remote = file, uri, open_remote
        self._local: Journal | None = None
        self._remote: Journal | None = None
        self._copied: datetime | None = None
        self.why_not: JournalUnavailableError | None = None

    def journal(self, at: datetime) -> Journal:
        """Return the journal to use now; `why_not` says why that is not the server.

        Raises:
            JournalUnavailableError: neither can be used.
        """
        if self._local is None:
            self._local = open_file(self._file)
        if self._uri is None:
            return self._local
        try:
            if self._remote is None:
                self._remote = self._open_remote(self._uri)
            self._exchange(self._local, self._remote, at)
        except JournalUnavailableError as error:
            self.why_not = error
            return self._local
        self.why_not = None
        return self._remote

    def copy(self, at: datetime) -> None:
        """Copy what the server has by now to the file, where the server is used."""
        if self._remote is not None and self._local is not None and self.why_not is None:
            try:
                self._exchange(self._local, self._remote, at)
            except JournalUnavailableError as error:
                self.why_not = error

    def prune(self, before: datetime) -> None:
        """Remove from the file and from the server what was over before an instant.

        Raises:
            JournalUnavailableError: the file cannot be written.
        """
        if self._local is not None:
            with self._local.begin() as entries:
                entries.prune(before)
        if self._remote is not None and self.why_not is None:
            try:
                with self._remote.begin() as entries:
                    entries.prune(before)
            except JournalUnavailableError as error:
                self.why_not = error

    def _exchange(self, local: Journal, remote: Journal, at: datetime) -> None:
        """Copy what is newer to either side: of the first exchange of a process also what is old and not over."""
        since, is_first = (self._copied or at - FIRST_COPY) - OVERLAP, self._copied is None
        with local.begin() as ours:
            theirs = {
                shelf.name: ours.rows_at_start(shelf, since) if is_first else ours.rows(shelf, since)
                for shelf in SHELVES
            }
        names = {name: [row["id"] for row in rows] for name, rows in theirs.items()}
        with remote.begin() as server:
            for shelf in SHELVES:
                server.take_newer(shelf, theirs[shelf.name])
            back = {
                shelf.name: server.rows_at_start(shelf, since, names[shelf.name])
                if is_first
                else server.rows(shelf, since)
                for shelf in SHELVES
            }
        with local.begin() as ours:
            for shelf in SHELVES:
                ours.take_newer(shelf, back[shelf.name])
        self._copied = at

    def close(self) -> None:
        """Close all connections."""
        for journal in filter(None, (self._local, self._remote)):
            journal.close()


def open_journal(file: Path, uri: str | None) -> Journal:
    """Return the journal for people, who look at and change what the watcher uses: the file while the server is down.

    What is written to the file goes to the server when the watcher of this home sees the server again.

    Raises:
        JournalUnavailableError: the file cannot be used; or the server cannot, and this home has no copy of it.
    """
    if uri is None:
        return open_file(file)
    try:
        return open_server(uri)
    except JournalUnavailableError as error:
        if not file.is_file():
            raise
        log.warning("%s The copy in %s is used.", error.message, file)
        return open_file(file)
