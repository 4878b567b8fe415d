"""What a step ran in: the versions of what is installed, and the settings that decide how the step works."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter

from matinee.readout.masking import masked
from matinee.settings import Settings

_PACKAGES = ("matinee", "pyspark", "pyiceberg", "pyarrow", "pysail", "apache-airflow", "pydantic", "sqlalchemy")
_SETTINGS = (
    "engine",
    "catalog",
    "task_mode",
    "spark_remote",
    "spark_cores",
    "spark_memory",
    "spark_java_options",
    "warehouse",
    "landing.max_line_mb",
)


def environment_of(settings: Settings) -> dict[str, str]:
    """Return versions and settings by name; secrets are masked."""
    versions = {name: told for name in _PACKAGES if (told := _version(name))}
    chosen = {f"setting {name}": masked(str(attrgetter(name)(settings))) for name in _SETTINGS}
    return {"python": platform.python_version(), **versions, **chosen}


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the names whose values differ, each with the value before and now."""
    return [
        (name, before.get(name, "none"), now.get(name, "none"))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
