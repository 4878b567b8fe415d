"""The Connect server: whether something listens where this lake's Spark should be."""

from collections.abc import Iterator

from matinee.alerts.model import Signal
from matinee.alerts.signals.outlook import Outlook


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield nothing: a server that does not answer is an error, and so a signal.

    Raises:
        EngineUnavailableError: nothing listens there.
    """
    from matinee.engine.session import check_port

    if outlook.settings.spark_remote:
        check_port(outlook.settings.spark_remote)
    yield from ()
