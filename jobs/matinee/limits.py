"""Limits of the process: with too little address space, libraries abort the process or wait for ever."""

import resource

from matinee.errors import EnvironmentNotReadyError

#: Less than this, PyArrow and NumPy cannot start their threads: they end the process, or wait for threads that are not
#: there. It is address space, of which a command uses a small part as memory.
LEAST = 2 << 30


def address_space() -> int:
    """Return the bytes of address space that this process may have (`ulimit -v`); a negative number: no limit."""
    return resource.getrlimit(resource.RLIMIT_AS)[0]


def refuse_little(space: int) -> None:
    """Refuse to work with less address space than libraries need.

    Raises:
        EnvironmentNotReadyError: the limit is too low.
    """
    if 0 <= space < LEAST:
        raise EnvironmentNotReadyError(
            f"This process may have {space >> 20} MB of address space; commands need {LEAST >> 20}.",
            next_step="Raise the limit (`ulimit -v unlimited`); to limit memory, use the container or the service.",
            facts={"address_space": space, "least": LEAST},
        )
