"""The lake of a demonstration: each call replaces it, and never replaces another lake."""

import shutil

from matinee.engine.processes import stop_all
from matinee.errors import UsageError
from matinee.private import private_folder
from matinee.settings import Settings
from matinee.stack.broker import NAME as BROKER
from matinee.stack.launcher import stop

MARKER = ".matinee-demo"


def fresh_home(settings: Settings, name: str) -> Settings:
    """Return the settings of a new lake of a demonstration, below the home; the lake of the call before is removed.

    Raises:
        UsageError: the folder exists and is not a lake of a demonstration.
    """
    home = settings.home.absolute() / name
    if home.exists() and not (home / MARKER).is_file():
        raise UsageError(f"{home} is not a lake of the demo.", next_step="Move it away, or set MATINEE_HOME.")
    fresh = settings.model_copy(update={"home": home, "catalog": settings.catalog})
    stop(fresh)
    stop_all(fresh, [BROKER])
    shutil.rmtree(home, ignore_errors=True)
    private_folder(home)
    (home / MARKER).touch()
    return fresh
