"""What typed errors prove: which resource an error is about."""

import re
from collections.abc import Mapping
from datetime import date

from matinee.alerts.model import Identity

#: By the name of an error: the class of the cause, and the resource.
RESOURCES: Mapping[str, tuple[str, str]] = {
    "CatalogUnavailableError": ("unavailable", "catalog"),
    "CatalogRefusedError": ("refused", "catalog"),
    "CatalogLostError": ("lost", "catalog"),
    "LakeFormatError": ("of_another_format", "lake"),
    "EngineUnavailableError": ("unavailable", "spark"),
    "TokenRefusedError": ("refused", "spark"),
    "OutOfMemoryError": ("out_of_memory", "machine"),
    "TopicChangedError": ("changed", "topic"),
    "JournalUnavailableError": ("unavailable", "journal"),
}


#: By the name of an error that names days of datasets: the class of the cause.
OF_DAYS: Mapping[str, str] = {
    "HumanNeededError": "needs_a_person",
    "StreamDiffersError": "differs",
    "InputsNotValidError": "stale",
}
_DAY = re.compile(r"\b([a-z_]+\.[a-z_0-9]+) (\d{4}-\d\d-\d\d)\b")


def days_of(error: str, words: str) -> list[Identity]:
    """Return the causes on days of datasets that the words of an error name."""
    what = OF_DAYS.get(error)
    named = dict.fromkeys(_DAY.findall(words)) if what else {}
    return [Identity.of_day(what or "", dataset, date.fromisoformat(day)) for dataset, day in named]


def resource_of(error: str, facts: Mapping[str, object]) -> Identity | None:
    """Return the resource whose state an error proves; None where the error is about nothing that others share.

    Args:
        error: the name of its class.
        facts: of the error.
    """
    if "errno" in facts:
        return Identity("refused", "disk")
    if error == "EngineUnavailableError" and str(facts.get("url", "")).startswith("http"):
        return Identity("unavailable", "airflow")
    known = RESOURCES.get(error)
    return Identity(*known) if known else None
