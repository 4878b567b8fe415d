"""The freshness watch: which datasets cannot be trusted far enough, and why."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator

from matinee.errors import TerminalError
from matinee.settings import Settings, load_settings
from matinee_airflow.retries import typed

log = logging.getLogger(__name__)


class StaleDatasetError(TerminalError):
    """The valid-through timestamp of a dataset lags behind the clock by more than its contract allows."""


class FindStaleDatasets(BaseOperator):  # type: ignore[misc]
    """Returns the names of the datasets that are late at the time of the run."""

    @typed()
    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Look at every dataset with a freshness target."""
        stale = stale_datasets(load_settings(), context["dag_run"].run_after)
        log.info("Stale: %s", ", ".join(stale) or "none")
        return stale


class ExplainStaleDataset(BaseOperator):  # type: ignore[misc]
    """Fails for one stale dataset; its log says what holds the dataset and what would move it."""

    def __init__(self, *, dataset: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    @typed()
    def execute(self, context: Mapping[str, Any]) -> None:
        """Log the explanation.

        Raises:
            StaleDatasetError: always; that is the alarm.
        """
        from matinee.table.catalog import Lake
        from matinee.validity.validity import Validity

        trust = Validity(Lake.open(load_settings())).vtts(self.dataset)
        lines = trust.held_by.lines() if trust.held_by else ["it has caught up since"]
        log.error("%s can be trusted through %s; it is held by", self.dataset, trust.vtts or "nothing yet")
        for line in lines:
            log.error("  %s", line)
        raise StaleDatasetError(
            f"{self.dataset} is stale: VTTS {trust.vtts or 'none'}, held by {lines[0]}",
            next_step=f"`matinee vtts explain {self.dataset}`, then do what its last line says.",
            facts={"dataset": self.dataset, "vtts": trust.vtts},
        )


def stale_datasets(settings: Settings, now: datetime) -> list[str]:
    """Return the datasets whose VTTS lags behind `now` by more than their contracts allow, inputs first.

    A lake without a closed day has no stale dataset; from its first closed day on, every dataset can be stale.
    """
    from matinee.days import start_of
    from matinee.table.catalog import Lake
    from matinee.validity.validity import Validity

    validity = Validity(Lake.open(settings))
    if validity.valid_from is None:
        return []
    return [
        contract.dataset
        for contract in validity.lake.registry.all()
        if contract.freshness < timedelta.max
        and (first := validity.owed_from(contract.dataset)) is not None
        and now - (validity.vtts(contract.dataset).vtts or start_of(first)) > contract.freshness
    ]
