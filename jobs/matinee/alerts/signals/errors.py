"""What typed errors prove: which resource an error is about."""

from collections.abc import Mapping

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


def resource_of(error: str, facts: Mapping[str, object]) -> Identity | None:
    """Return the resource whose state an error proves; None where the error is about nothing that others share.

    Args:
        error: the name of its class.
        facts: of the error.
    """
    if "errno" in facts:
        return Identity("refused", "disk")
    known = RESOURCES.get(error)
    return Identity(*known) if known else None
