"""Disks of the home and of the warehouse: how full each is."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield the share of each local disk that is used."""
    for name, folder in _folders(outlook).items():
        usage = shutil.disk_usage(folder)
        share = round(1 - usage.free / usage.total, 2)
        yield Signal(
            "disk",
            f"disk of the {name}",
            Identity("full", "disk"),
            f"the disk of the {name} ({folder}) is {share:.0%} full",
            "Free space there: `matinee doctor` says what holds the expiry of snapshots.",
            value=share,
        )


def _folders(outlook: Outlook) -> dict[str, Path]:
    """Return the folders that exist on local disks, one for each disk."""
    parts = urlsplit(outlook.settings.warehouse_uri)
    named = {"home": outlook.settings.home.absolute()}
    if parts.scheme == "file":
        named["warehouse"] = Path(unquote(parts.path))
    disks = {folder.stat().st_dev: (name, folder) for name, folder in reversed(named.items()) if folder.is_dir()}
    return dict(disks.values())
