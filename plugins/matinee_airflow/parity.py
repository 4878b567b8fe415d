"""The gate of the stream: which live days are to be compared with their publications."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from matinee.settings import load_settings
from matinee_airflow.retries import typed

log = logging.getLogger(__name__)


class FindMatureDays(BaseOperator):  # type: ignore[misc]
    """Returns the mature live days that have not agreed with their newest publication yet."""

    @typed()
    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Look at the ledger and at the comparisons so far."""
        from matinee.parity.register import days_to_compare
        from matinee.table.catalog import Lake

        days = sorted({str(day) for _, day in days_to_compare(Lake.open(load_settings()))})
        log.info("To compare: %s", ", ".join(days) or "none")
        return days
