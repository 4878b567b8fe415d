"""The mirror: the incidents of the journal, copied to the table `ops.incidents` for whoever reads the lake.

The journal is what counts. A catalog that is down, refuses or hangs delays the copy, and no look waits for it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Thread

from matinee.alerts.incidents import Incident
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import INCIDENTS
from matinee.foreign import translated
from matinee.readout.masking import masked
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.registers import Packed, Register, Text, replace_rows

log = logging.getLogger(__name__)
TABLE = "ops.incidents"
#: Incidents are copied so often at most: each copy is a commit.
EACH = timedelta(minutes=5)


@dataclass(frozen=True)
class Row:
    """An incident as readers of the lake see it."""

    incident_id: str
    what: str
    subject: str
    first_day: date | None
    last_day: date | None
    state: str
    severity: str
    cause: str
    next_step: str
    runbook: str
    link: str | None
    rules: Packed[Sequence[str]]
    witnesses: int
    times: int
    opened_ts: datetime
    changed_ts: datetime
    told_ts: datetime | None
    resolved_ts: datetime | None
    ended_by: Text
    verdict: str | None

    @classmethod
    def of(cls, incident: Incident) -> "Row":
        """Return the row of an incident; secrets in its texts are masked."""
        identity = incident.identity
        return cls(
            incident.incident_id,
            identity.what,
            masked(identity.subject),
            identity.first,
            identity.last,
            incident.state,
            incident.severity,
            masked(incident.cause),
            masked(incident.next_step),
            incident.runbook,
            incident.link,
            incident.rules,
            len(incident.witnesses),
            incident.times,
            incident.opened_at,
            incident.changed_at,
            incident.told_at,
            incident.resolved_at,
            incident.ended_by,
            incident.verdict,
        )


_REGISTER = Register(TABLE, Row)


def mirror(lake: Lake, incidents: Iterable[Incident]) -> bool:
    """Make the table hold these incidents and no others; return False where it did already.

    Raises:
        CommitConflictError: another process committed first; the next call tries again.
        CatalogUnavailableError: the catalog does not answer.
    """
    rows = [_REGISTER.row(Row.of(incident)) for incident in incidents]
    return bool(rows or lake.exists(TABLE)) and replace_rows(lake, TABLE, rows)


class Mirror:
    """Copies what has changed since the last copy, in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: Thread | None = None
        self._tried: datetime | None = None
        self._copied: tuple[str, int] | None = None

    def start(self, journal: Journal, at: datetime) -> None:
        """Copy what has changed, where no copy is under way and the last was begun long enough ago; return at once."""
        is_due = self._tried is None or at - self._tried >= EACH
        if is_due and (self._thread is None or not self._thread.is_alive()):
            self._thread = Thread(target=self._copy, args=(journal, at), daemon=True, name="mirror of incidents")
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until a copy that was begun has ended, or the time is over."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _copy(self, journal: Journal, at: datetime) -> None:
        try:
            with journal.look() as entries:
                written = entries.last_written(INCIDENTS)
                if written == self._copied:
                    return
                incidents = entries.all(INCIDENTS)
            if mirror(Lake.open(self._settings), incidents):
                self._tried = at
            self._copied = written
        except Exception as error:  # noqa: BLE001 - whatever fails, the next copy has it all
            self._tried = at
            log.info("Incidents go to %s later: %s", TABLE, translated(error))
