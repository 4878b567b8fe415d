"""The Connect server: whether this lake's Spark runs and listens."""

from collections.abc import Iterator

from matinee.alerts.model import Signal
from matinee.alerts.signals.outlook import Outlook


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield nothing: a server that does not answer is an error, and so a signal.

    Raises:
        EngineUnavailableError: the engine of the stack is dead, or nothing listens where Spark should be.
    """
    from matinee.stack.engine import check_engine

    check_engine(outlook.settings)
    yield from ()
