"""The lake of a demonstration: made anew each time, and never where another one stands."""

import shutil

from matinee.errors import UsageError
from matinee.settings import Settings
from matinee.stack.broker import NAME as BROKER
from matinee.stack.launcher import stop
from matinee.stack.processes import stop_all

MARKER = ".matinee-demo"


def fresh_home(settings: Settings, name: str) -> Settings:
    """Return the settings of a new lake of a demonstration, below the home; the one before is removed.

    Raises:
        UsageError: what stands there is no such lake.
    """
    home = settings.home.absolute() / name
    if home.exists() and not (home / MARKER).is_file():
        raise UsageError(f"{home} is not a lake of the demo.", next_step="Move it away, or set MATINEE_HOME.")
    fresh = settings.model_copy(update={"home": home, "catalog": settings.catalog})
    stop(fresh)
    stop_all(fresh, [BROKER])
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, mode=0o700)
    (home / MARKER).touch()
    return fresh
