"""The board: the state of every day and the newest publications, looked at in the background and kept for a while.

A look at hundreds of datasets takes seconds. So a page shows the last look, says of when it is, and begins the next.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from matinee.foreign import translated
from matinee.healing.day_states import DatasetDays, states_of
from matinee.ledger.notes import Note
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

log = logging.getLogger(__name__)
#: How many days a look covers, and how many publications of all datasets together it keeps.
DAYS, NEWEST = 400, 200
#: A look that failed is not repeated sooner, however many pages are open.
_AFTER_A_FAILURE = timedelta(seconds=10)


@dataclass(frozen=True)
class Board:
    """What a look at the lake showed; `newest` has a dataset with each publication, the newest first."""

    taken: datetime
    took: timedelta
    datasets: tuple[DatasetDays, ...]
    newest: tuple[tuple[str, Note], ...]


class Boards:
    """Keeps the last board, and looks again when a page is asked for and the last look is old enough."""

    def __init__(self, settings: Callable[[], Settings], now: Callable[[], datetime], patience_s: float = 0.6) -> None:
        self._settings, self._now, self._patience_s = settings, now, patience_s
        self._lock = threading.Lock()
        self._look: threading.Thread | None = None
        self._board: Board | None = None
        self._error: Exception | None = None
        self._failed_at: datetime | None = None

    def current(self) -> Board | None:
        """Return the newest board that can be had at once; None while the first look is still under way.

        Raises:
            MatineeError: the last look failed.
        """
        with self._lock:
            if self._look is None and self._is_due():
                self._look = threading.Thread(target=self._take, daemon=True, name="matinee-board")
                self._look.start()
            look = self._look
        if look is not None:
            look.join(self._patience_s)
        if self._error is not None:
            raise translated(self._error) from self._error
        return self._board

    def _is_due(self) -> bool:
        # Looks take at most a fifth of one core, however many pages are open.
        board = self._board
        if self._failed_at is not None and self._now() - self._failed_at < _AFTER_A_FAILURE:
            return False
        return board is None or self._now() - board.taken > max(timedelta(seconds=2), 5 * board.took)

    def _take(self) -> None:
        begun = self._now()
        try:
            lake = Lake.open(self._settings())
            validity = Validity(lake)
            datasets, newest = states_of(validity, days=DAYS), _newest(validity)
            self._board, self._error, self._failed_at = Board(begun, self._now() - begun, datasets, newest), None, None
        except Exception as error:
            log.warning("The look at the lake failed", exc_info=True)
            self._error, self._failed_at = error, self._now()
        finally:
            self._look = None


def _newest(validity: Validity) -> tuple[tuple[str, Note], ...]:
    """Return the newest publications of all datasets."""
    notes = []
    for contract in validity.lake.registry.all():
        if contract.transform:
            newest = validity.history(contract.dataset).last_recorded(NEWEST)
            notes += [(contract.dataset, note) for note in newest]
    return tuple(sorted(notes, key=lambda told: (-told[1].recorded_us, told[0], told[1].day))[:NEWEST])
