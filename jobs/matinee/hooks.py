"""Hooks: what packages register by name with packages of lower layers, as entry points of an installed distribution."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from matinee.errors import EnvironmentNotReadyError


@cache
def registered(group: str) -> Mapping[str, EntryPoint]:
    """Return what is registered in a group, by name.

    Raises:
        EnvironmentNotReadyError: nothing is registered, because the package is on the path and not installed; or two
            distributions register one name.
    """
    entries: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        other = entries.setdefault(entry.name, entry)
        if other is not entry:
            raise EnvironmentNotReadyError(
                f"'{entry.name}' is registered twice under '{group}': {other.value} and {entry.value}.",
                next_step="Uninstall one of the two packages, or rename what it registers.",
                facts={"group": group, "name": entry.name},
            )
    if not entries:
        raise EnvironmentNotReadyError(
            f"No installed package registers anything under '{group}'.",
            next_step="Install Matinee (`make env`, or the wheel); its folder on the path is not enough.",
            facts={"group": group},
        )
    return entries
