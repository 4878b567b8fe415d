"""The engine of a lake: whether it answers, and what its supervisor does about an engine that is dead."""

from datetime import UTC, datetime

from matinee.engine.processes import find
from matinee.engine.server import announced_remote, running_remote
from matinee.engine.session import check_port
from matinee.errors import EngineUnavailableError
from matinee.settings import Settings
from matinee.stack.launcher import status
from matinee.stack.supervisor import NAME, last_outage


def check_engine(settings: Settings) -> str | None:
    """Return the address of the engine that commands use, which listens; None: each command starts a server.

    Where the engine of the stack is dead, another program may listen in its place.

    Raises:
        EngineUnavailableError: the engine of the stack is dead, or nothing listens at the address.
    """
    running = running_remote(settings)
    is_of_stack = not settings.spark_remote or settings.spark_remote == announced_remote(settings)
    if running is None and is_of_stack and any(part.pid for part in status(settings)):
        raise _down(settings)
    remote = settings.spark_remote or running
    if remote is not None:
        check_port(remote)
    return remote


def _down(settings: Settings) -> EngineUnavailableError:
    """Return the error of a stack whose engine is dead: since when, and when it is started again."""
    outage = last_outage(settings)
    died = f"died at {outage.died_at:%Y-%m-%d %H:%M:%SZ}" if outage else "is dead"
    why = f": {outage.why_not or outage.last_words}" if outage else ""
    if outage is None or find(settings, NAME) is None:
        then = f"Nothing starts it again: `make down`, then `make up`. Logs are in {settings.run_dir}."
    elif outage.again_at is None or outage.again_at <= datetime.now(UTC):
        then = f"The launcher is starting it again. Read {outage.log}."
    else:
        then = f"The launcher starts it again at {outage.again_at:%H:%M:%SZ}. Read {outage.log}."
    return EngineUnavailableError(f"The engine of the stack {died}{why}", next_step=then)
