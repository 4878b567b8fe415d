"""The follower of datasets that are landed events without repeats: each new id is a row of the live table."""

from collections.abc import Sequence

from pyspark.sql import functions as F

from matinee.contracts.model import Contract
from matinee.live.groups import Events, Sources
from matinee.live.news import IS_LIVE, held, new_ids
from matinee.live.step import CHANGED, Step


class Deduplicated(Step):
    """Appends new ids; of ids that were landed before, the transform of the daily path decides."""

    @classmethod
    def sources(cls, contracts: Sequence[Contract]) -> Sources:
        """Return the events of the only dataset: its live table has all of them; events of one id belong together."""
        [contract] = contracts
        # Where seconds became milliseconds, the live table lacks the seconds.
        is_whole = not any(column.milliseconds_of for column in contract.columns)
        events = Events(contract.inputs[0].dataset, contract.dataset, contract.dataset, is_whole)
        return Sources((events,), contract.key_columns)

    def run(self) -> None:
        """Append the new ids, and replace the rows over which a repeat has won."""
        [contract] = map(self._lake.registry.get, self._group.datasets)
        [events] = self.sources([contract]).events
        ids = new_ids(self._view, events)
        same = self._view.identity(events.core)
        live = self._view.live(events.core, ids.days).join(ids.repeated, same, "left_semi")
        changed = held(self._marked(events.core, ids.rows.where(IS_LIVE), live).where(CHANGED))
        self._put(events.core, ids.rows.where(~F.col(IS_LIVE)), changed)
