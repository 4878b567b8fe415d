"""Everything that the watcher looks at, by the resource that has to answer."""

from matinee.alerts.signals import days, disk, healing, parity, stream
from matinee.alerts.signals.sources import Source

SOURCES: tuple[Source, ...] = (
    Source(
        "catalog",
        {
            "days": (days.look, ("freshness",)),
            "healing": (healing.look, ("healing",)),
            "stream": (stream.look, ("stream_lag",)),
            "parity": (parity.look, ("parity",)),
        },
    ),
    Source("disk", {"disk": (disk.look, ("disk",))}),
)
